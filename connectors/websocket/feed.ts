import type { Buffer } from 'node:buffer'
import { ConnectorError } from '../../lib/errors/errors.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { Arrivals } from '../arrivals.ts'
import { Backoff, pause } from '../backoff.ts'
import { shownUrl } from '../shown-url.ts'
import { openSocket, type Socket, type SocketOptions } from './driver.ts'

export interface FeedSettings extends SocketOptions {
  readonly subscribe: () => readonly (string | Uint8Array)[]
  readonly overflow: 'pause' | 'error' | 'dropOldest' | 'dropNewest'
  readonly items: number
  readonly bytes: number
  readonly pingEvery: number
  readonly reconnect: number
  readonly maxBackoff: number
  readonly endOnClose: boolean
}

const CLOSED_NORMALLY = 1000
/** A server that does not say goodbye is left: milliseconds. */
const LEAVE_WITHIN = 1000

interface Ending {
  readonly code: number
  readonly failure: ConnectorError | null
}

/** A connection that is made again and again, and what it brings. */
export class Feed<T> {
  readonly arrivals: Arrivals<T>
  readonly #settings: FeedSettings
  readonly #decode: (data: Buffer, isBinary: boolean) => T
  readonly #runtime: Runtime
  readonly #backoff: Backoff
  readonly #closing = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #socket: Socket | null = null
  #paused = false
  #heard = false

  constructor(
    settings: FeedSettings,
    ends: {
      readonly runtime: Runtime
      readonly decode: (data: Buffer, isBinary: boolean) => T
    },
  ) {
    this.arrivals = new Arrivals({ items: settings.items, bytes: settings.bytes })
    this.#settings = settings
    this.#decode = ends.decode
    this.#runtime = ends.runtime
    this.#backoff = new Backoff(ends.runtime, {
      shortest: settings.reconnect,
      longest: Math.max(settings.reconnect, settings.maxBackoff),
    })
  }

  /** Resolves when it is connected for the first time. */
  async open(): Promise<void> {
    const { ending } = await this.#connect()
    this.#running = this.#keep(ending).catch((error: unknown) => this.arrivals.fail(error))
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.arrivals.end()
    const timer = this.#runtime.after(LEAVE_WITHIN, () => this.#socket?.terminate())
    // What is paused would never hear the other side's goodbye.
    this.#socket?.resume()
    this.#socket?.close()
    await this.#running
    timer.cancel()
  }

  async #keep(first: Promise<Ending>): Promise<void> {
    let over: Promise<Ending> | null = first
    while (over === null || !(await this.#isLast(over))) {
      await pause(this.#runtime, this.#backoff.next(), this.#closing.signal)
      if (this.#closing.signal.aborted) return
      over = (await this.#connect().catch(passing))?.ending ?? null
    }
  }

  /** Resolves when the connection is over, with whether there will be no other. */
  async #isLast(over: Promise<Ending>): Promise<boolean> {
    const { code, failure } = await over
    if (failure !== null) throw failure
    if (this.#closing.signal.aborted) return true
    if (code !== CLOSED_NORMALLY || !this.#settings.endOnClose) return false
    this.arrivals.end()
    return true
  }

  /** Resolves when a connection is open; `ending` when it is over. */
  async #connect(): Promise<{ readonly ending: Promise<Ending> }> {
    const { promise, resolve } = withResolver<Ending>()
    const socket = await openSocket(this.#settings, {
      onMessage: (data, isBinary) => this.#take(data, isBinary),
      onPong: () => {
        this.#heard = true
      },
      onClose: (code, _reason, failure) => resolve({ code, failure }),
    })
    this.#socket = socket
    this.#paused = false
    if (this.#closing.signal.aborted) socket.terminate()
    for (const message of this.#settings.subscribe()) socket.send(message)
    const watch = this.#watch(socket)
    const ending = promise.finally(() => {
      watch.cancel()
      this.#socket = null
    })
    return { ending }
  }

  #take(data: Buffer, isBinary: boolean): void {
    this.#heard = true
    this.#backoff.reset()
    if (!this.arrivals.hasRoom(data.length) && !this.#makeRoom(data.length)) return
    try {
      this.arrivals.put(this.#decode(data, isBinary), data.length)
    } catch (cause) {
      this.#fail(
        new ConnectorError(
          `A message of ${shownUrl(this.#settings.url)} can't be decoded: ${String(cause)}`,
          { cause },
        ),
      )
    }
    if (this.#settings.overflow === 'pause' && !this.arrivals.hasRoom()) this.#pause()
  }

  /** Whether the message may go in. */
  #makeRoom(bytes: number): boolean {
    const { overflow, url } = this.#settings
    // What came before the socket stood still has to go somewhere.
    if (overflow === 'pause') return true
    if (overflow === 'error') {
      this.#fail(
        new ConnectorError(
          `Messages of ${shownUrl(url)} come faster than the flow goes. Raise \`buffer\`, or let \`overflow\` drop some.`,
        ),
      )
    }
    if (overflow !== 'dropOldest') return false
    while (!this.arrivals.hasRoom(bytes)) this.arrivals.dropOldest()
    return true
  }

  #fail(failure: ConnectorError): void {
    this.arrivals.fail(failure)
    this.#closing.abort()
    this.#socket?.terminate()
  }

  #pause(): void {
    const socket = this.#socket
    if (this.#paused || socket === null) return
    this.#paused = true
    socket.pause()
    void this.arrivals.room().then(() => {
      this.#paused = false
      this.#heard = true
      if (this.#socket === socket) socket.resume()
    })
  }

  /** Ends a connection over which nothing comes back. */
  #watch(socket: Socket): { cancel(): void } {
    const { pingEvery } = this.#settings
    this.#heard = true
    const look = (): void => {
      if (!this.#heard && !this.#paused) return socket.terminate()
      this.#heard = false
      socket.ping()
      timer = this.#runtime.after(pingEvery, look)
    }
    let timer = this.#runtime.after(pingEvery, look)
    return { cancel: () => timer.cancel() }
  }
}

const passing = (error: unknown): null => {
  if (error instanceof ConnectorError && error.retryable) return null
  throw error
}

const withResolver = <R>(): { readonly promise: Promise<R>; readonly resolve: (r: R) => void } => {
  let settle: (result: R) => void = () => {}
  const promise = new Promise<R>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: (result) => settle(result) }
}
