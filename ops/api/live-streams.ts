import type { ServerResponse } from 'node:http'
import { Refusal } from './refusal.ts'

/** Streams at once; more are told to come again. */
const MOST = 16
/** Milliseconds between two events. */
const EVERY = 1000
/** Who comes so soon after an event gets that one: making one for each would let them decide. */
const LASTS = 250
/** A reader that has taken nothing for so many events is let go. */
const MOST_MISSED = 30

interface Stream {
  readonly response: ServerResponse
  missed: number
}

/**
 * Server-sent events for whoever looks on: one event a second, made once for all of them, and none
 * while nobody looks.
 */
export class LiveStreams {
  readonly #event: () => Promise<unknown>
  readonly #streams = new Set<Stream>()
  #timer: NodeJS.Timeout | null = null
  #making = false
  /** The event that was told last, and when, by the monotonic clock. */
  #told: { readonly text: string; readonly at: number } | null = null

  /** @param event - what there is to tell */
  constructor(event: () => Promise<unknown>) {
    this.#event = event
  }

  /** @throws Refusal where there are too many already */
  add(response: ServerResponse): void {
    if (this.#streams.size >= MOST) {
      throw new Refusal(503, `There are ${MOST} event streams already.`, { 'Retry-After': '5' })
    }
    const stream: Stream = { response, missed: 0 }
    this.#streams.add(stream)
    response.on('close', () => this.#drop(stream))
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' })
    response.write('retry: 2000\n\n')
    this.#timer ??= setInterval(() => void this.#tell(), EVERY)
    if (this.#told !== null && performance.now() < this.#told.at + LASTS) {
      this.#send(stream, this.#told.text)
    } else {
      void this.#tell()
    }
  }

  /** Ends all streams; the last event of each says so, and what failed. */
  close(failure: string | null): void {
    const last = JSON.stringify(failure === null ? {} : { failure })
    for (const { response } of this.#streams) response.end(`event: end\ndata: ${last}\n\n`)
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  async #tell(): Promise<void> {
    if (this.#making) return
    this.#making = true
    try {
      const text = `data: ${JSON.stringify(await this.#event())}\n\n`
      this.#told = { text, at: performance.now() }
      for (const stream of this.#streams) this.#send(stream, text)
    } catch {
      // The flow has ended meanwhile: the streams are about to be closed.
    } finally {
      this.#making = false
    }
  }

  #send(stream: Stream, text: string): void {
    const { response } = stream
    if (response.writableEnded) return
    stream.missed = response.writableNeedDrain ? stream.missed + 1 : 0
    if (stream.missed === 0) response.write(text)
    else if (stream.missed > MOST_MISSED) response.destroy()
  }

  #drop(stream: Stream): void {
    this.#streams.delete(stream)
    if (this.#streams.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }
}
