import { ConnectorError } from '../../lib/errors/errors.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { Arrivals } from '../arrivals.ts'
import { Backoff, pause } from '../backoff.ts'
import { type Arrived, ChangeAssembly, type LogPlace } from './change-assembly.ts'
import { openReplication, type Replication } from './driver.ts'
import { replicationFrame, statusUpdate } from './pgoutput.ts'
import {
  explained,
  type Following,
  isInUse,
  prepareSlot,
  type SlotFacts,
  startCommand,
} from './replication-slot.ts'

export interface FeedSettings extends Following {
  readonly connection: string
  readonly tail: boolean
  readonly items: number
  readonly bytes: number
  readonly runtime: Runtime
}

/** Milliseconds: between two tries to connect. */
const PAUSES = { shortest: 100, longest: 5000 }
/** Between two messages to the server, which by default leaves one that is silent for a minute. */
const STATUS_EVERY = 10_000
/** The same where the end of the log is waited for, which the server tells when it is asked. */
const ASK_EVERY = 200
/** A server that says nothing for so long, though it was asked, is left. */
const SILENCE = 60_000
/** How long the server may take to miss a connection that is gone and still has the slot. */
const IN_USE_FOR = 150_000
/** What an arrival weighs beside its bytes. */
const WEIGHT = 200

/**
 * The changes of a slot, over connections that are made again and again.
 *
 * G1. A connection begins at the place behind what was received before, so nothing comes twice, and what
 *     waits in memory is kept.
 * G2. The server hears of a place only when it is durable, and keeps its log until then.
 * G3. While there is no room the socket is not read; the server is told all the same that we live.
 */
export class ChangeFeed {
  readonly arrivals: Arrivals<Arrived>
  readonly #settings: FeedSettings
  readonly #backoff: Backoff
  readonly #closing = new AbortController()
  /** Where the log ended when reading began, if that is where it stops. */
  readonly #until: bigint | null
  readonly #running: Promise<void>
  #received: LogPlace
  #confirmed: bigint
  #link: Replication | null = null
  #paused = false
  #heardAt = 0
  #inUseSince: number | null = null

  private constructor(
    settings: FeedSettings,
    begin: {
      readonly link: Replication
      readonly place: LogPlace
      readonly confirmed: bigint
      readonly until: bigint | null
    },
  ) {
    this.arrivals = new Arrivals({ items: settings.items, bytes: settings.bytes })
    this.#settings = settings
    this.#backoff = new Backoff(settings.runtime, PAUSES)
    this.#until = begin.until
    this.#received = begin.place
    this.#confirmed = begin.confirmed
    this.#running = this.#run(begin.link)
  }

  /** Resolves when the server was reached and has what is needed. */
  static async open(settings: FeedSettings, resume: LogPlace | null): Promise<ChangeFeed> {
    const { link, facts } = await reach(settings, resume?.lsn ?? null)
    const { confirmed, end } = facts
    const place = resume ?? { lsn: confirmed, index: 0 }
    return new ChangeFeed(settings, { link, place, confirmed, until: settings.tail ? null : end })
  }

  /** Where the first change behind what was received may be. */
  get place(): LogPlace {
    return this.#received
  }

  /** All before `lsn` is durable: the server need not keep it. */
  confirm(lsn: bigint): void {
    if (lsn <= this.#confirmed) return
    this.#confirmed = lsn
    this.#tell()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.arrivals.end()
    await this.#running
  }

  async #run(first: Replication): Promise<void> {
    let link: Replication | null = first
    while (!this.#closing.signal.aborted) {
      try {
        link ??= (await reach(this.#settings, this.#received.lsn, this.#closing.signal)).link
        await this.#follow(link)
      } catch (error) {
        const failure = this.#lasting(error)
        if (failure !== null) this.arrivals.fail(failure)
        if (failure !== null) break
      }
      link?.abort()
      link = null
      await pause(this.#settings.runtime, this.#backoff.next(), this.#closing.signal)
    }
    link?.abort()
  }

  /** What no other try can mend; `null` for what passes. */
  #lasting(error: unknown): unknown {
    if (this.#closing.signal.aborted) return null
    const { slot, runtime } = this.#settings
    if (!(error instanceof ConnectorError && (error.retryable || isInUse(error)))) {
      return explained(error, this.#settings)
    }
    if (!isInUse(error)) return null
    this.#inUseSince ??= runtime.monotonic()
    if (runtime.monotonic() - this.#inUseSince < IN_USE_FOR) return null
    return new ConnectorError(
      `Replication slot "${slot}" is read by another connection, for minutes now (${error.message}). Give each flow a slot of its own, or stop the other one.`,
      { cause: error, retryable: true },
    )
  }

  async #follow(link: Replication): Promise<void> {
    const assembly = new ChangeAssembly(this.#received, (type) => link.readerOf(type))
    const { signal } = this.#closing
    const leave = (): void => void this.#leave(link)
    this.#link = link
    this.#paused = false
    this.#heardAt = this.#settings.runtime.monotonic()
    const watch = this.#watch(link)
    signal.addEventListener('abort', leave)
    try {
      if (signal.aborted) return
      await link.stream(startCommand(this.#settings, this.#received.lsn), {
        onStart: () => this.#tell(),
        onData: (bytes) => this.#take(bytes, assembly),
      })
    } finally {
      signal.removeEventListener('abort', leave)
      watch.cancel()
      this.#link = null
    }
  }

  async #leave(link: Replication): Promise<void> {
    this.#tell()
    await link.close()
  }

  #take(bytes: Buffer, assembly: ChangeAssembly): void {
    this.#heardAt = this.#settings.runtime.monotonic()
    this.#inUseSince = null
    this.#backoff.reset()
    if (this.#closing.signal.aborted) return
    const frame = replicationFrame(bytes)
    const arrived =
      frame.kind === 'wal' ? assembly.take(frame.message) : assembly.reached(frame.end)
    this.#received = assembly.place
    for (const each of arrived) this.arrivals.put(each, WEIGHT + bytes.length)
    if (this.#isPast(assembly.commitLsn ?? this.#received.lsn)) this.arrivals.end()
    if (frame.kind === 'alive' && frame.wantsReply) this.#tell()
    if (!this.arrivals.hasRoom()) this.#pause()
  }

  #isPast(lsn: bigint): boolean {
    return this.#until !== null && lsn >= this.#until
  }

  #pause(): void {
    const link = this.#link
    if (this.#paused || link === null) return
    this.#paused = true
    link.pause()
    void this.arrivals.room().then(() => {
      this.#paused = false
      this.#heardAt = this.#settings.runtime.monotonic()
      if (this.#link === link) link.resume()
    })
  }

  #tell(): void {
    const { runtime, tail } = this.#settings
    this.#link?.send(
      statusUpdate({
        received: this.#received.lsn,
        confirmed: this.#confirmed,
        now: runtime.now(),
        wantsReply: !tail || runtime.monotonic() - this.#heardAt > STATUS_EVERY,
      }),
    )
  }

  /** G3, and ends a connection over which nothing comes back. */
  #watch(link: Replication): { cancel(): void } {
    const { runtime, tail } = this.#settings
    const every = tail ? STATUS_EVERY : ASK_EVERY
    const look = (): void => {
      if (!this.#paused && runtime.monotonic() - this.#heardAt > SILENCE) return link.abort()
      this.#tell()
      timer = runtime.after(every, look)
    }
    let timer = runtime.after(every, look)
    return { cancel: () => timer.cancel() }
  }
}

/** A connection to a server that has what is needed. */
const reach = async (
  settings: FeedSettings,
  resume: bigint | null,
  signal?: AbortSignal,
): Promise<{ readonly link: Replication; readonly facts: SlotFacts }> => {
  const { connection, runtime } = settings
  let link: Replication | null = null
  try {
    link = await openReplication(connection, { runtime, ...(signal && { signal }) })
    return { link, facts: await prepareSlot(link, settings, resume) }
  } catch (error) {
    link?.abort()
    throw explained(error, settings)
  }
}
