/**
 * Reads a key-value bucket of NATS: what it holds, then every change.
 *
 * - **Partitions**: one, the bucket.
 * - **Position**: the revision of the last change handed over.
 * - **Delivery**: the last value of each key, at least. A change that a later one of its key has
 *   replaced is passed over, unless the bucket's history still holds it.
 * - **Back-pressure**: changes are asked for, never more than there is room for.
 * - **Needs**: the package `nats`; nats-server 2.9 or later with JetStream.
 */
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSource } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { NatsConnectionOptions } from './connection-options.ts'
import { JetStream } from './jetstream-api.ts'
import { JetStreamPartition, type JetStreamPosition } from './jetstream-partition.ts'
import { type JetStreamItem, StreamReader } from './stream-reader.ts'
import { StreamWatch } from './stream-watch.ts'
import { SharedWire } from './wire.ts'

/** A change of a key. */
export interface KvEntry {
  readonly key: string
  /** `null` when the key was removed, by someone or by its age. */
  readonly value: Uint8Array | null
  readonly revision: number
  /** Epoch milliseconds. */
  readonly timestamp: number
}

export interface KvSourceOptions extends NatsConnectionOptions {
  readonly bucket: string
  /** Which keys, with the wildcards of subjects. @defaultValue `>`, all of them */
  readonly keys?: string
  /** Whether it goes on when it has given what the bucket held. @defaultValue true */
  readonly tail?: boolean
  /** Items of one batch at most. @defaultValue 1000 */
  readonly batchSize?: number
}

const BATCH = 1000

/**
 * Reads a key-value bucket: the last value of each key, then changes as they come.
 *
 * @throws BuildError for options that can't work, ConnectorError when there is no such bucket or no
 * JetStream, or the bucket was made anew
 *
 * @example
 * ```ts
 * flow.input('prices', new KvSource({ servers: 'nats://localhost', bucket: 'prices' }))
 * ```
 */
export class KvSource extends FixedPartitionedSource<KvEntry, JetStreamPosition> {
  readonly #options: KvSourceOptions
  readonly #batchSize: number
  readonly #wire: SharedWire
  #runtime: Runtime = systemRuntime

  constructor(options: KvSourceOptions) {
    super()
    const { batchSize = BATCH } = options
    if (!(Number.isSafeInteger(batchSize) && batchSize > 0)) {
      throw new BuildError(`batchSize must be a whole number above 0; got ${batchSize}.`)
    }
    this.#options = options
    this.#batchSize = batchSize
    this.#wire = new SharedWire(options)
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [this.#options.bucket]
  }

  override async buildPart(
    _stepId: string,
    _part: string,
    resume: JetStreamPosition | null,
  ): Promise<JetStreamPartition<KvEntry>> {
    const wire = await this.#wire.take()
    try {
      return await this.#open(new JetStream(wire), resume)
    } catch (error) {
      await this.#wire.leave()
      throw error
    }
  }

  async #open(
    js: JetStream,
    resume: JetStreamPosition | null,
  ): Promise<JetStreamPartition<KvEntry>> {
    const { bucket, keys = '>', tail = true } = this.#options
    const stream = `KV_${bucket}`
    await js.check()
    const facts = await js.stream(stream).catch((cause: unknown) => {
      if (cause instanceof ConnectorError && cause.retryable) throw cause
      throw new ConnectorError(
        `There is no key-value bucket "${bucket}". Make it, for example with \`nats kv add ${bucket}\`, or name another.`,
        { cause },
      )
    })
    const watch = new StreamWatch(js, { facts, missing: false }, resume)
    const before = `$KV.${bucket}.`
    const reader = await StreamReader.open(
      js,
      {
        stream,
        filters: [`${before}${keys}`],
        capacity: 2 * this.#batchSize,
        until: tail ? null : facts.last,
        queue: null,
        ...((resume?.sequence ?? 0) === 0 ? { begin: { deliver_policy: 'last_per_subject' } } : {}),
        inspect: (place) => watch.inspect(place),
        accept: () => true,
        runtime: this.#runtime,
      },
      { sequence: resume?.sequence ?? 0, timestamp: resume?.timestamp ?? 0 },
    )
    return new JetStreamPartition(reader, {
      created: resume?.created ?? facts.created,
      batchSize: this.#batchSize,
      unacknowledged: null,
      make: (item) => entryOf(item, before.length),
      closed: () => this.#wire.leave(),
    })
  }
}

const entryOf = (item: JetStreamItem, before: number): KvEntry => ({
  key: item.subject.slice(before),
  value: isRemoval(item) ? null : item.data,
  revision: item.sequence,
  timestamp: item.timestamp,
})

/** Also of a key that has become too old: the server then leaves a marker with its reason. */
const isRemoval = ({ headers }: JetStreamItem): boolean => {
  const operation = headers['KV-Operation']?.[0]
  return operation === 'DEL' || operation === 'PURGE' || 'Nats-Marker-Reason' in headers
}
