/**
 * Asks an address again and again.
 *
 * - **Partitions**: one, the address; one worker asks.
 * - **Position**: the ETag and Last-Modified of the last answer that was handed over.
 * - **Delivery**: at least once for each answer; what changed twice between two polls is seen once.
 * - **Back-pressure**: the next poll comes when the items of the last were taken.
 * - **Needs**: nothing.
 */
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import {
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { DurationLike } from '../../lib/time/time.ts'
import { Backoff } from '../backoff.ts'
import { shownUrl } from '../shown-url.ts'
import { callFailed, checkedUrl, isPassing, readLimited, refused, retryAfter } from './exchange.ts'

/** An answer with its whole body. */
export interface PolledAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  readonly text: string
}

/** What an answer said it is; sent back, so that the same is not sent again. */
export interface PollingPosition {
  readonly etag: string | null
  readonly lastModified: string | null
}

export interface PollingSourceOptions<T> {
  readonly url: string
  /** From one poll to the next. */
  readonly interval: DurationLike
  readonly headers?: Readonly<Record<string, string>>
  /** The items of an answer. @defaultValue JSON: the elements of an array, or the one value */
  readonly parse?: (answer: PolledAnswer) => Iterable<T>
  /** How long an answer may take. @defaultValue 10 s */
  readonly timeout?: DurationLike
  /** The longest wait while the server fails. @defaultValue 5 min, or `interval` if that is longer */
  readonly maxBackoff?: DurationLike
  /** Bytes of an answer at most. @defaultValue 16 MiB */
  readonly maxBody?: number
}

interface Settings<T> {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly parse: (answer: PolledAnswer) => Iterable<T>
  readonly interval: number
  readonly timeout: number
  readonly maxBackoff: number
  readonly maxBody: number
}

const TIMEOUT = 10_000
const LONGEST = 300_000
const MAX_BODY = 16 * 1024 * 1024
const SHORTEST = 1000

/**
 * Polls an address and gives what its answers hold; an answer that has not changed (304) gives nothing.
 *
 * A server that fails (5xx, 408, 429, no connection, no answer in time) is asked again later and later,
 * not before its Retry-After. If the first poll of a run can't reach it, or it refuses one for good,
 * the flow fails. It has no end.
 *
 * @throws BuildError for options that can't work, ConnectorError for an answer that can't be used
 *
 * @example
 * ```ts
 * flow.input('rates', new PollingSource<Rate>({ url: 'https://example.com/rates', interval: { minutes: 1 } }))
 * ```
 */
export class PollingSource<T = unknown> extends FixedPartitionedSource<T, PollingPosition> {
  readonly #settings: Settings<T>
  #runtime: Runtime = systemRuntime

  constructor(options: PollingSourceOptions<T>) {
    super()
    const { url, headers = {}, parse = jsonItems, maxBody = MAX_BODY } = options
    const interval = durationOption('interval', options.interval)
    if (interval === 0) throw new BuildError('interval must be longer than nothing.')
    this.#settings = {
      url: checkedUrl(url),
      headers,
      parse,
      interval,
      timeout: durationOption('timeout', options.timeout ?? TIMEOUT),
      maxBackoff: Math.max(interval, durationOption('maxBackoff', options.maxBackoff ?? LONGEST)),
      maxBody: positiveCount('maxBody', maxBody),
    }
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [shownUrl(this.#settings.url)]
  }

  override buildPart(
    _stepId: string,
    _part: string,
    resume: PollingPosition | null,
  ): StatefulSourcePartition<T, PollingPosition> {
    return new PollingPartition(this.#settings, this.#runtime, resume)
  }
}

class PollingPartition<T> extends StatefulSourcePartition<T, PollingPosition> {
  readonly #settings: Settings<T>
  readonly #runtime: Runtime
  readonly #backoff: Backoff
  readonly #closing = new AbortController()
  #position: PollingPosition
  #awake: number
  #reached = false

  constructor(settings: Settings<T>, runtime: Runtime, resume: PollingPosition | null) {
    super()
    this.#settings = settings
    this.#runtime = runtime
    this.#position = resume ?? { etag: null, lastModified: null }
    this.#awake = runtime.now()
    const shortest = Math.min(SHORTEST, settings.interval)
    this.#backoff = new Backoff(runtime, { shortest, longest: settings.maxBackoff })
  }

  override async nextBatch(): Promise<Polled<T>> {
    const overdue = new AbortController()
    const timer = this.#runtime.after(this.#settings.timeout, () =>
      overdue.abort(new Error(`no answer within ${this.#settings.timeout} ms`)),
    )
    try {
      return await this.#poll(AbortSignal.any([overdue.signal, this.#closing.signal]))
    } catch (error) {
      if (this.#closing.signal.aborted) return []
      if (!(error instanceof ConnectorError && error.retryable && this.#reached)) throw error
      this.#sleep(this.#backoff.next())
      return []
    } finally {
      timer.cancel()
    }
  }

  override nextAwake(): number {
    return this.#awake
  }

  override snapshot(): PollingPosition {
    return this.#position
  }

  override close(): void {
    this.#closing.abort()
  }

  async #poll(signal: AbortSignal): Promise<Polled<T>> {
    const { url, headers, parse, maxBody } = this.#settings
    const { etag, lastModified } = this.#position
    const conditions = {
      ...(etag === null ? {} : { 'If-None-Match': etag }),
      ...(lastModified === null ? {} : { 'If-Modified-Since': lastModified }),
    }
    const response = await fetch(url, { headers: { ...headers, ...conditions }, signal }).catch(
      (error: unknown) => {
        throw callFailed(url, error)
      },
    )
    const { status } = response
    if (status === 304) return this.#answered([])
    if (!response.ok) {
      await response.body?.cancel()
      const asked = retryAfter(response.headers, this.#runtime.now())
      if (!isPassing(status)) throw refused(url, status)
      this.#reached = true
      this.#sleep(Math.max(asked, this.#backoff.next()))
      return []
    }
    const body = await readLimited(response, maxBody, url).catch((error: unknown) => {
      throw error instanceof ConnectorError ? error : callFailed(url, error)
    })
    const items = [...parse({ status, headers: response.headers, body, text: body.toString() })]
    this.#position = {
      etag: response.headers.get('etag'),
      lastModified: response.headers.get('last-modified'),
    }
    return this.#answered(items)
  }

  /** The next poll keeps to the grid; those that were missed are left out. */
  #answered(items: readonly T[]): readonly T[] {
    const { interval } = this.#settings
    this.#reached = true
    this.#backoff.reset()
    const late = Math.max(0, this.#runtime.now() - this.#awake)
    this.#awake += interval * Math.max(1, Math.ceil(late / interval))
    return items
  }

  #sleep(millis: number): void {
    this.#awake = this.#runtime.now() + millis
  }
}

const jsonItems = <T>({ text }: PolledAnswer): Iterable<T> => {
  let value: unknown
  try {
    value = JSON.parse(text, (name, inner: unknown) => (name === '__proto__' ? undefined : inner))
  } catch (cause) {
    throw new ConnectorError('The answer is not JSON: give `parse` to make items of it.', { cause })
  }
  return (Array.isArray(value) ? value : [value]) as T[]
}
