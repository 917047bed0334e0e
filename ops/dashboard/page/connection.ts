import { type FlowNow, readFlowNow } from '../../doctor/flow-now.ts'
import type { FlowGraph } from '../../visualize/graph.ts'
import { EventCutter, type ServerEvent } from './sse.ts'

/** How the page stands with the flow. */
export type Standing =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'lost'; readonly again: number }
  | { readonly kind: 'ended'; readonly failure: string | null }
  | { readonly kind: 'locked'; readonly wrong: boolean }

export interface Listener {
  stands(standing: Standing): void
  /** Told anew whenever a connection is made. */
  graph(graph: FlowGraph): void
  now(now: FlowNow): void
}

const TOKEN = 'tidemark-token'
/** Milliseconds: between tries, doubling, and without a word before a connection counts as lost. */
const SHORTEST_WAIT = 1000
const LONGEST_WAIT = 10_000
const SILENCE = 10_000

/** Follows a running flow for as long as the page is open. */
export class Connection {
  readonly #listener: Listener
  #token = sessionStorage.getItem(TOKEN)
  #wait = SHORTEST_WAIT
  #ended: Extract<Standing, { kind: 'ended' }> | null = null

  constructor(listener: Listener) {
    this.#listener = listener
  }

  open(): void {
    void this.#follow()
  }

  /** The token stays in this tab, and goes when the tab does. */
  unlock(token: string): void {
    this.#token = token
    sessionStorage.setItem(TOKEN, token)
    this.open()
  }

  /** Ends all input of the flow; says what went wrong, or nothing. */
  async stop(): Promise<string | null> {
    try {
      const response = await this.#ask('/stop', { method: 'POST' })
      if (response.ok) return null
      return `The flow was not stopped: ${await response.text()}`
    } catch {
      return 'The flow was not stopped: it does not answer.'
    }
  }

  async #follow(): Promise<void> {
    try {
      const graph = await this.#ask('/flow')
      if (graph.status === 401) {
        this.#listener.stands({ kind: 'locked', wrong: this.#token !== null })
        return
      }
      if (!graph.ok) throw new Error(graph.statusText)
      this.#listener.graph((await graph.json()) as FlowGraph)
      await this.#listen()
    } catch {
      // Whatever broke it, it is tried again.
    }
    this.#tellLost()
    setTimeout(() => this.open(), this.#wait)
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT)
  }

  #tellLost(): void {
    this.#listener.stands(this.#ended ?? { kind: 'lost', again: this.#wait })
  }

  /** Until the stream ends, or nothing has come for too long. */
  async #listen(): Promise<void> {
    const abort = new AbortController()
    let timer = setTimeout(() => abort.abort(), SILENCE)
    try {
      const { ok, body } = await this.#ask('/flow/live', { signal: abort.signal })
      if (!ok || body === null) return
      const cutter = new EventCutter()
      const decoder = new TextDecoder()
      const reader = body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        clearTimeout(timer)
        timer = setTimeout(() => abort.abort(), SILENCE)
        for (const event of cutter.take(decoder.decode(value, { stream: true }))) this.#take(event)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  #take({ name, data }: ServerEvent): void {
    if (name === 'end') {
      const { failure } = JSON.parse(data) as { failure?: string }
      this.#ended = { kind: 'ended', failure: failure ?? null }
      return
    }
    const now = readFlowNow(data)
    if (now === null) return
    this.#ended = null
    this.#wait = SHORTEST_WAIT
    const stopping = now.workers.some((worker) => worker.stopping)
    this.#listener.stands({ kind: stopping ? 'stopping' : 'live' })
    this.#listener.now(now)
  }

  #ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }
    return fetch(path, { ...init, headers, cache: 'no-store', redirect: 'error' })
  }
}
