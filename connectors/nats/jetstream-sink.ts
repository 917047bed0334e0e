/**
 * Writes messages to a JetStream stream of NATS.
 *
 * - **Partitions**: 16 slots; a key keeps its slot, items without a key use one slot a worker.
 * - **Position**: an entry for each slot in a key-value bucket beside the stream.
 * - **Delivery**: exactly once with recovery. Items are kept with the snapshot and written when their
 *   epoch is committed, an epoch late; an outage of any length is waited out.
 * - **Back-pressure**: while the server is away items are kept up to `stageBytes`, then the flow waits.
 * - **Needs**: the package `nats`; nats-server 2.9 or later with JetStream.
 */
import { BuildError } from '../../lib/errors/errors.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { WriteAheadSink } from '../../lib/flow/sink.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { NatsConnectionOptions } from './connection-options.ts'
import { JetStream } from './jetstream-api.ts'
import { JetStreamSlot } from './jetstream-slot.ts'
import type { MessageOptions } from './payload.ts'
import { BucketLedger, PassingLedger } from './slot-ledger.ts'
import { Turns } from './turns.ts'
import { SharedWire } from './wire.ts'

export interface JetStreamSinkOptions<T> extends NatsConnectionOptions, MessageOptions<T> {
  /** The stream, which takes all subjects. @defaultValue the one that takes the first message's subject */
  readonly stream?: string
  /** The key-value bucket that keeps how far each slot is; made when it is missing. @defaultValue `tidemark_slots` */
  readonly markers?: string
  /** Bytes of items that may wait on each worker while the server is away. @defaultValue 64 MiB */
  readonly stageBytes?: number
}

const STAGE_BYTES = 64 * 1024 * 1024
const BUCKET = /^[A-Za-z0-9_-]+$/

/**
 * Writes each item as a message of a JetStream stream with retention `limits`, exactly once.
 *
 * `subject`, `data` and `headers` are asked when an epoch is delivered, and again when it is tried
 * again, so they have to answer the same for the same item.
 *
 * Without recovery each run begins anew in the same stream: it is then at least once.
 *
 * @throws BuildError for options that can't work, ConnectorError when no stream takes a subject, a
 * message is too large, or a slot is written by a later execution
 *
 * @example
 * ```ts
 * stats.output('out', new JetStreamSink({ servers: 'nats://localhost', subject: ([sku]) => `stats.${sku}` }))
 * ```
 */
export class JetStreamSink<T = unknown> extends WriteAheadSink<T> {
  override readonly stageBytes: number
  readonly #options: JetStreamSinkOptions<T>
  readonly #bucket: string
  readonly #wire: SharedWire
  readonly #turns: Turns = new Turns()
  #recovery = false
  #runtime: Runtime = systemRuntime

  constructor(options: JetStreamSinkOptions<T>) {
    super()
    const { subject, markers = 'tidemark_slots', stageBytes = STAGE_BYTES } = options
    if (subject === '') throw new BuildError('JetStreamSink needs a subject.')
    if (!BUCKET.test(markers)) {
      throw new BuildError(`markers must be the name of a bucket; got "${markers}".`)
    }
    if (!(stageBytes > 0))
      throw new BuildError(`stageBytes must be more than 0; got ${stageBytes}.`)
    this.stageBytes = stageBytes
    this.#options = options
    this.#bucket = markers
    this.#wire = new SharedWire(options)
  }

  override useRun({ recovery, runtime }: RunFacts): void {
    this.#recovery = recovery
    this.#runtime = runtime
  }

  override async build(stepId: string, slot: string): Promise<JetStreamSlot<T>> {
    const js = new JetStream(await this.#wire.take())
    try {
      await js.check()
    } catch (error) {
      await this.#wire.leave()
      throw error
    }
    const { stream } = this.#options
    return new JetStreamSlot({
      js,
      ledger: this.#recovery
        ? new BucketLedger(js, { bucket: this.#bucket, step: stepId, slot })
        : new PassingLedger(),
      message: this.#options,
      stream,
      turns: this.#turns,
      runtime: this.#runtime,
      closed: () => this.#wire.leave(),
    })
  }
}
