/**
 * Writes the last value of each key to a key-value bucket of NATS.
 *
 * - **Partitions**: 16 slots; a key keeps its slot.
 * - **Position**: none is needed.
 * - **Delivery**: at least once, which for the last value of a key is as good as once. Values are kept
 *   with the snapshot and written when their epoch is committed; an outage is waited out.
 * - **Back-pressure**: while the server is away items are kept up to `stageBytes`, then the flow waits.
 * - **Needs**: the package `nats`; nats-server 2.9 or later with JetStream.
 */
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { WriteAheadPartition, WriteAheadSink } from '../../lib/flow/sink.ts'
import { itemBytes } from '../item-bytes.ts'
import type { NatsConnectionOptions } from './connection-options.ts'
import { JetStream } from './jetstream-api.ts'
import { type HeaderPairs, SharedWire } from './wire.ts'

export interface KvSinkOptions extends NatsConnectionOptions {
  readonly bucket: string
  /** Bytes of items that may wait on each worker while the server is away. @defaultValue 64 MiB */
  readonly stageBytes?: number
}

const STAGE_BYTES = 64 * 1024 * 1024
/** Writes that are on their way at a time. */
const WINDOW = 256
const KEY = /^[-/_=A-Za-z0-9]+(?:\.[-/_=A-Za-z0-9]+)*$/
const REMOVED: HeaderPairs = [['KV-Operation', 'DEL']]
const NONE: HeaderPairs = []

/**
 * Writes keyed values to a bucket, the last of each epoch and key: text and bytes as they are, others
 * as JSON; `null` removes the key.
 *
 * @throws BuildError for options that can't work, ConnectorError when there is no such bucket, or a
 * key has signs that NATS does not take
 *
 * @example
 * ```ts
 * totals.output('out', new KvSink({ servers: 'nats://localhost', bucket: 'totals' }))
 * ```
 */
export class KvSink extends WriteAheadSink<readonly [key: string, value: unknown]> {
  override readonly stageBytes: number
  readonly #bucket: string
  readonly #wire: SharedWire

  constructor(options: KvSinkOptions) {
    super()
    const { bucket, stageBytes = STAGE_BYTES } = options
    if (!/^[A-Za-z0-9_-]+$/.test(bucket)) {
      throw new BuildError(`"${bucket}" can't be the name of a bucket.`)
    }
    if (!(stageBytes > 0))
      throw new BuildError(`stageBytes must be more than 0; got ${stageBytes}.`)
    this.stageBytes = stageBytes
    this.#bucket = bucket
    this.#wire = new SharedWire(options)
  }

  override async build(): Promise<KvSlot> {
    const js = new JetStream(await this.#wire.take())
    try {
      await js.check()
      await js.stream(`KV_${this.#bucket}`)
    } catch (error) {
      await this.#wire.leave()
      throw error
    }
    return new KvSlot(js, this.#bucket, () => this.#wire.leave())
  }
}

/** The last values win however often they are written, so that there is nothing to ask for or to fence. */
class KvSlot extends WriteAheadPartition<readonly [key: string, value: unknown]> {
  readonly #js: JetStream
  readonly #bucket: string
  readonly #closed: () => Promise<void>

  constructor(js: JetStream, bucket: string, closed: () => Promise<void>) {
    super()
    this.#js = js
    this.#bucket = bucket
    this.#closed = closed
  }

  override fence(): void {}

  override delivered(): null {
    return null
  }

  override async deliver(
    _epoch: number,
    items: (readonly [key: string, value: unknown])[],
  ): Promise<void> {
    const last = [...new Map(items.map(keyed))]
    for (let from = 0; from < last.length; from += WINDOW) {
      await Promise.all(last.slice(from, from + WINDOW).map((entry) => this.#put(entry)))
    }
  }

  async #put([key, value]: readonly [key: string, value: unknown]): Promise<void> {
    const subject = `$KV.${this.#bucket}.${key}`
    const isRemoved = value === null
    const bytes = isRemoved ? new Uint8Array() : itemBytes(value)
    await this.#js.store(subject, bytes, isRemoved ? REMOVED : NONE)
  }

  override close(): Promise<void> {
    return this.#closed()
  }
}

const keyed = (item: unknown): readonly [key: string, value: unknown] => {
  if (!Array.isArray(item) || typeof item[0] !== 'string') {
    throw new ConnectorError('KvSink takes keyed items: put a step like keyOn before it.')
  }
  const [key, value] = item
  if (KEY.test(key)) return [key, value]
  throw new ConnectorError(
    `"${key}" can't be a key of a bucket: NATS takes letters, digits and -/_=. with something between dots.`,
  )
}
