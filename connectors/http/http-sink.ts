/**
 * Sends items as HTTP requests.
 *
 * - **Partitions**: 16 slots; a key keeps its slot, items without a key use one slot a worker.
 * - **Position**: none at the receiver.
 * - **Delivery**: at least once, with recovery, through outages of any length. Each request has an
 *   Idempotency-Key that is the same whenever it is sent again: at a receiver that takes a key once,
 *   exactly once.
 * - **Back-pressure**: while the receiver is away items are kept up to `stageBytes`, then the flow waits.
 * - **Needs**: nothing.
 */
import { BuildError } from '../../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { WriteAheadSink } from '../../lib/flow/sink.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { DurationLike } from '../../lib/time/time.ts'
import { checkedUrl } from './exchange.ts'
import { type HttpRefusal, HttpSlot } from './http-slot.ts'

export interface HttpSinkOptions<T> {
  readonly url: string
  /** @defaultValue `POST` */
  readonly method?: 'POST' | 'PUT' | 'PATCH'
  readonly headers?: Readonly<Record<string, string>>
  /** Items of one request. @defaultValue 1 */
  readonly batchSize?: number
  /** What a request of several items is: a JSON array, or a line each. @defaultValue `json` */
  readonly format?: 'json' | 'ndjson'
  /** An item's bytes. @defaultValue the item, or the value of a keyed one: text and bytes as they are if sent alone, else JSON */
  readonly data?: (item: T) => Uint8Array | string
  /** @defaultValue `application/json`, or `application/x-ndjson` */
  readonly contentType?: string
  /** The header of the key; `null` sends none. @defaultValue `Idempotency-Key` */
  readonly keyHeader?: string | null
  /** Goes into the keys: another one makes all of them new, as after beginning anew. @defaultValue empty */
  readonly keyspace?: string
  /** Told of what the receiver refuses for good; without it that fails the flow. */
  readonly onRefused?: (refusal: HttpRefusal<T>) => void | Promise<void>
  /** How long an answer may take. @defaultValue 30 s */
  readonly timeout?: DurationLike
  /** Bytes of items that may wait on each worker while the receiver is away. @defaultValue 64 MiB */
  readonly stageBytes?: number
}

const STAGE_BYTES = 64 * 1024 * 1024

/**
 * Sends each item, or several as one, in order of their slot, once their epoch is durable.
 *
 * Any 2xx is a yes. 408, 425, 429 and 5xx, and no answer at all, are tried again, not before the
 * answer's Retry-After. Anything else is a no for good. `data` and `batchSize` have to stay the same
 * while items wait, or keys change with them.
 *
 * Without recovery keys begin anew in each run.
 *
 * @throws BuildError for options that can't work, ConnectorError when the receiver refuses a request
 *
 * @example
 * ```ts
 * alerts.output('out', new HttpSink({ url: 'https://example.com/alerts' }))
 * ```
 */
export class HttpSink<T = unknown> extends WriteAheadSink<T> {
  override readonly stageBytes: number
  readonly #options: HttpSinkOptions<T>
  readonly #batchSize: number
  readonly #timeout: number
  #runtime: Runtime = systemRuntime
  /** Keys of runs that keep nothing must not meet. */
  #run = ''

  constructor(options: HttpSinkOptions<T>) {
    super()
    const { url, batchSize = 1, timeout = 30_000, stageBytes = STAGE_BYTES } = options
    const { format = 'json', method = 'POST' } = options
    checkedUrl(url)
    if (format !== 'json' && format !== 'ndjson') {
      throw new BuildError(`format is 'json' or 'ndjson'; got ${String(format)}.`)
    }
    if (!['POST', 'PUT', 'PATCH'].includes(method)) {
      throw new BuildError(`method is POST, PUT or PATCH; got ${String(method)}.`)
    }
    if (!(stageBytes > 0)) {
      throw new BuildError(`stageBytes must be more than 0; got ${stageBytes}.`)
    }
    this.stageBytes = stageBytes
    this.#options = options
    this.#batchSize = positiveCount('batchSize', batchSize)
    this.#timeout = durationOption('timeout', timeout)
  }

  override useRun({ recovery, runtime }: RunFacts): void {
    this.#runtime = runtime
    this.#run = recovery ? '' : `${runtime.now()}-${runtime.random()}`
  }

  override build(stepId: string, slot: string): HttpSlot<T> {
    const { keyspace = '' } = this.#options
    return new HttpSlot(this.#options, {
      batchSize: this.#batchSize,
      timeout: this.#timeout,
      place: [keyspace, this.#run, stepId, slot].join('\n'),
      runtime: this.#runtime,
    })
  }
}
