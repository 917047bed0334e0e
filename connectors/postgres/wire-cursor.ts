import { ConnectorError } from '../../lib/errors/errors.ts'

/** Reads the fields of one message forward; none reaches behind its end. */
export class WireCursor {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  /** One byte as the letter it stands for. */
  letter(): string {
    return String.fromCharCode(this.byte())
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8))
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8))
  }

  /** Text up to a zero byte. */
  name(): string {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end < 0) throw this.wrong('has a name without an end')
    const from = this.#at
    this.#at = end + 1
    return this.#bytes.toString('utf8', from, end)
  }

  text(length: number): string {
    const from = this.#take(length)
    return this.#bytes.toString('utf8', from, from + length)
  }

  /** What is left, as bytes that are valid as long as the message. */
  rest(): Buffer {
    return this.#bytes.subarray(this.#at)
  }

  wrong(what: string): ConnectorError {
    return new ConnectorError(
      `Postgres sent a message of replication that ${what}, at byte ${this.#at} of ${this.#bytes.length}. Something between the database and the flow changes what is sent, or the server speaks another protocol than pgoutput 1.`,
    )
  }

  #take(length: number): number {
    if (length < 0 || length > this.left)
      throw this.wrong(`claims ${length} bytes and has ${this.left}`)
    const from = this.#at
    this.#at += length
    return from
  }
}
