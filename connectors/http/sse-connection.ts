import { ConnectorError } from '../../lib/errors/errors.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { Arrivals } from '../arrivals.ts'
import { Backoff, pause } from '../backoff.ts'
import { shownUrl } from '../shown-url.ts'
import { eventStreamParser } from './event-stream.ts'
import { callFailed, isPassing, refused, retryAfter } from './exchange.ts'
import type { SseEvent } from './sse-source.ts'

export interface SseSettings {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly reconnect: number
  readonly maxBackoff: number
  readonly silence: number
  readonly timeout: number
  readonly items: number
  readonly size: number
  readonly maxEvent: number
}

const NO_CONTENT = 204
/** A server that asks for no wait at all would be called without a pause: milliseconds. */
const LEAST_RETRY = 100

/** A stream that is opened again and again, behind the last event that came. */
export class SseConnection {
  readonly arrivals: Arrivals<SseEvent>
  readonly #settings: SseSettings
  readonly #runtime: Runtime
  readonly #backoff: Backoff
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #lastEventId: string
  #reached = false

  constructor(settings: SseSettings, runtime: Runtime, lastEventId: string) {
    this.arrivals = new Arrivals({ items: settings.items, bytes: settings.size })
    this.#settings = settings
    this.#runtime = runtime
    this.#lastEventId = lastEventId
    this.#backoff = new Backoff(runtime, {
      shortest: settings.reconnect,
      longest: Math.max(settings.reconnect, settings.maxBackoff),
    })
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.arrivals.end()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      let wait = 0
      try {
        wait = await this.#readOnce()
      } catch (error) {
        if (this.#closing.signal.aborted) return
        if (!(error instanceof ConnectorError && error.retryable && this.#reached)) {
          return this.arrivals.fail(error)
        }
      }
      if (wait === Number.POSITIVE_INFINITY) return this.arrivals.end()
      await pause(this.#runtime, Math.max(wait, this.#backoff.next()), this.#closing.signal)
    }
  }

  /** How long the server asks to be left alone, infinite where for ever. */
  async #readOnce(): Promise<number> {
    const { url, headers, timeout } = this.#settings
    const watch = new Watch(this.#runtime, this.#closing.signal)
    try {
      watch.within(timeout)
      const response = await fetch(url, {
        headers: {
          ...headers,
          Accept: 'text/event-stream',
          'Cache-Control': 'no-store',
          ...(this.#lastEventId === '' ? {} : { 'Last-Event-ID': utf8Header(this.#lastEventId) }),
        },
        signal: watch.signal,
      }).catch((error: unknown) => {
        throw callFailed(url, error)
      })
      if (response.status === NO_CONTENT) return Number.POSITIVE_INFINITY
      if (response.status !== 200) {
        await response.body?.cancel()
        if (!isPassing(response.status)) throw refused(url, response.status)
        this.#reached = true
        return retryAfter(response.headers, this.#runtime.now())
      }
      await this.#follow(response, watch)
      return 0
    } finally {
      watch.end()
    }
  }

  async #follow(response: Response, watch: Watch): Promise<void> {
    const { url, silence, maxEvent } = this.#settings
    const type = response.headers.get('content-type') ?? ''
    if (!/^text\/event-stream\s*(?:;|$)/i.test(type)) {
      await response.body?.cancel()
      throw new ConnectorError(
        `${shownUrl(url)} is no stream of events: it answers with "${type}", not text/event-stream.`,
      )
    }
    this.#reached = true
    const parser = eventStreamParser(maxEvent, {
      onEvent: ({ id, event, data }) => {
        this.#backoff.reset()
        this.#lastEventId = id ?? this.#lastEventId
        this.arrivals.put({ id: this.#lastEventId, event, data }, data.length)
      },
      onRetry: (millis) => this.#backoff.reset(Math.max(millis, LEAST_RETRY)),
    })
    const decoder = new TextDecoder()
    try {
      watch.within(silence)
      for await (const chunk of response.body ?? []) {
        watch.off()
        parser.feed(decoder.decode(chunk, { stream: true }))
        await this.arrivals.room()
        watch.within(silence)
      }
    } catch (error) {
      throw error instanceof ConnectorError ? error : callFailed(url, error)
    }
  }
}

/** Ends a call that takes too long, or when all is closed. */
class Watch {
  readonly #runtime: Runtime
  readonly #overdue = new AbortController()
  readonly signal: AbortSignal
  #timer: { cancel(): void } | null = null

  constructor(runtime: Runtime, closing: AbortSignal) {
    this.#runtime = runtime
    this.signal = AbortSignal.any([this.#overdue.signal, closing])
  }

  within(millis: number): void {
    this.off()
    this.#timer = this.#runtime.after(millis, () =>
      this.#overdue.abort(new Error(`nothing came within ${millis} ms`)),
    )
  }

  off(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  end(): void {
    this.off()
    this.#overdue.abort()
  }
}

/** Headers are bytes: an id with other letters goes as the UTF-8 that the standard asks for. */
const utf8Header = (id: string): string => Buffer.from(id).toString('latin1')
