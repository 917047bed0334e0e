/**
 * Listens to subjects of NATS.
 *
 * - **Partitions**: none: one worker listens, or all of them in a queue group.
 * - **Position**: none; NATS keeps nothing of what it has passed on.
 * - **Delivery**: at most once. What is published while the flow or the connection is down is lost, and
 *   so is what was read and not committed when the flow fails. Use JetStreamSource where that matters.
 * - **Back-pressure**: none is possible; what has no room fails the flow, or is dropped as told.
 * - **Needs**: the package `nats`.
 */
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { DynamicSource, EOF, type Polled, StatelessSourcePartition } from '../../lib/flow/source.ts'
import type { NatsConnectionOptions } from './connection-options.ts'
import { type Incoming, SharedWire, shutOut, type Wire } from './wire.ts'

/** A message of a subject. */
export interface NatsItem {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, readonly string[]>>
}

export interface NatsSourceOptions extends NatsConnectionOptions {
  /** The subject, wildcards included. */
  readonly subject: string
  /** A queue group: all workers listen, each message goes to one of them. @defaultValue one worker listens */
  readonly queue?: string
  /** Messages that may wait on each worker. @defaultValue 65536 */
  readonly buffer?: number
  /** What becomes of a message that finds no room. @defaultValue `error` */
  readonly overflow?: 'error' | 'dropOldest' | 'dropNewest'
  /** Items of one batch at most. @defaultValue 1000 */
  readonly batchSize?: number
}

const BUFFER = 65_536
const BATCH = 1000

/**
 * Gives the messages of a subject from when the flow has begun, at most once; it has no end.
 *
 * @throws BuildError for options that can't work, ConnectorError when no server can be used, the
 * user may not listen or is let in no more, or messages came faster than the flow takes them
 *
 * @example
 * ```ts
 * flow.input('ticks', new NatsSource({ servers: 'nats://localhost', subject: 'ticks.>' }))
 * ```
 */
export class NatsSource extends DynamicSource<NatsItem> {
  readonly #options: NatsSourceOptions
  readonly #wire: SharedWire

  constructor(options: NatsSourceOptions) {
    super()
    const { subject, buffer = BUFFER, batchSize = BATCH } = options
    if (subject === '') throw new BuildError('NatsSource needs a subject.')
    for (const [name, value] of Object.entries({ buffer, batchSize })) {
      if (!(Number.isSafeInteger(value) && value > 0)) {
        throw new BuildError(`${name} must be a whole number above 0; got ${value}.`)
      }
    }
    this.#options = options
    this.#wire = new SharedWire(options)
  }

  override async build(
    _stepId: string,
    workerIndex: number,
  ): Promise<StatelessSourcePartition<NatsItem>> {
    if (workerIndex > 0 && this.#options.queue === undefined) return new NothingToRead()
    const wire = await this.#wire.take()
    const partition = new SubjectPartition(wire, this.#options, () => this.#wire.leave())
    await wire.flush()
    return partition
  }
}

class NothingToRead extends StatelessSourcePartition<NatsItem> {
  override nextBatch(): Polled<NatsItem> {
    return EOF
  }
}

class SubjectPartition extends StatelessSourcePartition<NatsItem> {
  readonly #options: NatsSourceOptions
  readonly #buffer: number
  readonly #batchSize: number
  readonly #subscription: { end(): void }
  readonly #closed: () => Promise<void>
  readonly #listeners: readonly { end(): void }[]
  #waiting: NatsItem[] = []
  #failure: ConnectorError | null = null

  constructor(wire: Wire, options: NatsSourceOptions, closed: () => Promise<void>) {
    super()
    this.#options = options
    this.#buffer = options.buffer ?? BUFFER
    this.#batchSize = options.batchSize ?? BATCH
    this.#closed = closed
    this.#listeners = [
      wire.onDenied(({ operation, subject, failure }) => {
        if (operation === 'subscription' && subject === options.subject) this.#failure ??= failure
      }),
      wire.onState((state) => {
        if (state === 'closed') this.#failure ??= shutOut()
      }),
    ]
    this.#subscription = wire.subscribe(
      options.subject,
      (message) => this.#take(message),
      options.queue,
    )
  }

  override nextBatch(): Polled<NatsItem> {
    if (this.#waiting.length > 0) return this.#waiting.splice(0, this.#batchSize)
    if (this.#failure !== null) throw this.#failure
    return []
  }

  override async close(): Promise<void> {
    for (const listener of this.#listeners) listener.end()
    this.#subscription.end()
    await this.#closed()
  }

  #take({ subject, data, headers }: Incoming): void {
    if (this.#failure !== null) return
    if (this.#waiting.length >= this.#buffer && !this.#makeRoom()) return
    this.#waiting.push({ subject, data, headers })
  }

  #makeRoom(): boolean {
    const { overflow = 'error', subject } = this.#options
    if (overflow === 'dropOldest') this.#waiting.shift()
    if (overflow === 'error') {
      this.#subscription.end()
      this.#failure = new ConnectorError(
        `More than ${this.#buffer} messages of "${subject}" wait to be taken: they come faster than the flow goes. Raise \`buffer\`, let \`overflow\` drop some, or read them from a stream by JetStreamSource.`,
      )
    }
    return overflow === 'dropOldest'
  }
}
