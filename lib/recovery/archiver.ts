import { FencedError, RecoveryError } from '../errors/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { ArchiveFacts } from './archive.ts'
import { ArchiveAttempts } from './archive-attempts.ts'
import { ArchiveBacklog } from './archive-backlog.ts'
import { behindImage, checkTakeOver, continues, imageIsDue, NO_CHAIN } from './archive-chain.ts'
import type { ArchiveLog } from './archive-log.ts'
import type { ArchiveHeader, Chain } from './archive-object.ts'
import type { StoredBlock } from './block-key.ts'
import { ImageSending, type ImageShare, sizeOf } from './image-sending.ts'
import { type PartitionImage, remembered } from './partition.ts'
import type { ExecutionRecord, PartitionFacts, StoreHost } from './store.ts'

/** How long the archive may take for the first object of an execution: milliseconds. */
const BEGIN_WITHIN = 60_000
const CLOSE_WITHIN = 10_000
/** No dead execution sleeps so long and writes then: what it could write is removed only later. */
const SETTLED_AFTER = 120_000
/** Superseded objects that are removed before something else has a turn. */
const REMOVED_AT_ONCE = 32

/** What an object says of itself beside who wrote it. */
type Content = Pick<ArchiveHeader, 'kind' | 'first' | 'last' | 'to'> &
  Partial<Pick<ArchiveHeader, 'image' | 'executions' | 'collected' | 'chain'>>

interface Waiter {
  readonly entry: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface ArchiverOptions {
  readonly log: ArchiveLog
  readonly host: StoreHost
  readonly place: string
  readonly required: boolean
  /** All of the partition, and the last entry that is in it. */
  readonly image: () => Promise<{ readonly image: PartitionImage; readonly covers: number }>
  /** How far the archived copies of all partitions of the store have come; asked before old ones go. */
  readonly others: () => Promise<number>
  /** Milliseconds after the start before which nothing is removed. */
  readonly settledAfter?: number
}

/**
 * Sends what one partition makes durable to its log in the archive, in the background.
 *
 * A1. One object at a time, each in the next place of the log; entries that wait go together.
 * A2. Where entries had to be left out the log is cut, and a full image mends it. Deltas go before the
 *     parts of an image, so that a large one does not hold commits up.
 * A3. What waits is bounded: where commit waits for the archive by commit, else by giving it up.
 * A4. The newest two complete images stay, with all that follows the older one.
 */
export class Archiver {
  readonly #options: ArchiverOptions
  readonly #runtime: Runtime
  readonly #attempts: ArchiveAttempts
  readonly #backlog = new ArchiveBacklog()
  readonly #waiters = new Set<Waiter>()
  #record: ExecutionRecord | null = null
  #flowId = ''
  #chain: Chain = NO_CHAIN
  #sequence = 0
  /** The last entry that was taken, that was sent, and the frontiers behind them. */
  #taken = 0
  #sent = 0
  #takenTo = 0
  #sentTo = 0
  /** The frontier up to which everything can be restored. */
  #safeTo = 0
  #behindSince: number | null = null
  #sending: ImageSending | null = null
  #garbage: number | null = null
  #beganAt = 0
  #isReady = false
  #pump: Promise<void> | null = null
  #failing = false
  #fenced: FencedError | null = null
  #closing = false
  #failures = 0
  #dropped = 0
  #sentBytes = 0

  constructor(options: ArchiverOptions) {
    this.#options = options
    this.#runtime = options.host.runtime
    this.#attempts = new ArchiveAttempts(options.host.runtime)
  }

  get facts(): ArchiveFacts {
    const behind = this.#behindSince
    return {
      lagEpochs: Math.max(0, this.#takenTo - this.#safeTo),
      lagBytes: this.#backlog.bytes,
      lagMillis: behind === null ? 0 : this.#runtime.monotonic() - behind,
      failures: this.#failures,
      dropped: this.#dropped,
      sent: this.#sentBytes,
    }
  }

  /**
   * Takes the log over for an execution, before anything of it is durable here.
   *
   * @throws FencedError where a newer execution has it, RecoveryError while the archive is away
   */
  async begin(flowId: string, record: ExecutionRecord, facts: PartitionFacts): Promise<void> {
    const { log } = this.#options
    const last = await this.#patiently(() => log.end())
    checkTakeOver(last, { flowId, record, name: log.nameOf(last?.sequence ?? 0) })
    this.#flowId = flowId
    this.#record = record
    this.#beganAt = this.#runtime.monotonic()
    this.#sequence = (last?.sequence ?? -1) + 1
    const empty = last === null && facts.executions.length === 0
    const goesOn = last !== null && continues(last, record, facts)
    this.#taken = (last?.last ?? 0) + (goesOn || last === null ? 1 : 2)
    this.#chain = empty
      ? { ...NO_CHAIN, images: [[this.#sequence, 0]], connected: true }
      : { ...(last?.chain ?? NO_CHAIN), connected: goesOn }
    this.#chain = { ...this.#chain, begins: goesOn ? this.#chain.begins + 1 : 0 }
    this.#takenTo = record.resumeEpoch
    this.#sentTo = record.resumeEpoch
    const executions = remembered(facts.executions, record)
    const entry = { first: this.#taken, last: this.#taken, to: record.resumeEpoch }
    await this.#patiently(() => this.#put({ kind: 'begin', ...entry, executions }))
    this.#sent = this.#taken
    this.#safeTo = this.#chain.connected ? record.resumeEpoch : 0
    if (!this.#chain.connected) this.#behindSince = this.#runtime.monotonic()
  }

  /** The execution is durable here, too: from now on the partition can be read. */
  ready(): void {
    this.#isReady = true
    this.#wake()
  }

  /** What `append` has made durable here. */
  take(to: number, blocks: readonly StoredBlock[]): void {
    const at = this.#runtime.monotonic()
    this.#taken += 1
    this.#takenTo = Math.max(this.#takenTo, to)
    this.#backlog.add({ number: this.#taken, to: this.#takenTo, blocks, at })
    this.#behindSince ??= at
    if (this.#backlog.isTooMuch && !this.#options.required) this.#giveUp()
    this.#wake()
  }

  /** The last entry that was taken. */
  get taken(): number {
    return this.#taken
  }

  /** Throws once another execution has taken the log over. */
  check(): void {
    if (this.#fenced !== null) throw this.#fenced
  }

  /** Resolves when all that was taken is in the archive; rejects when one more try failed. */
  settled(): Promise<void> {
    if (this.#fenced !== null) return Promise.reject(this.#fenced)
    if (this.#isSafe(this.#taken)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.add({ entry: this.#taken, resolve, reject })
      this.#attempts.hurry()
      this.#wake()
    })
  }

  /** Sends what waits if the archive takes it soon, and says so in it. */
  async close(): Promise<void> {
    this.#closing = true
    if (!this.#isReady || this.#fenced !== null) return
    const late = new Promise<void>((resolve) => {
      const timer = this.#runtime.after(CLOSE_WITHIN, resolve)
      void this.#drain().finally(() => {
        timer.cancel()
        resolve()
      })
    })
    await late
    this.#closing = true
    this.#failing = true
    this.#attempts.hurry()
    await this.#sending?.end()
  }

  async #drain(): Promise<void> {
    this.#attempts.hurry()
    while (this.#hasToSend && !this.#failing) {
      this.#wake()
      await this.#pump
    }
    if (this.#failing || !this.#isSafe(this.#taken)) return
    try {
      await this.#put({ kind: 'end', first: this.#sent + 1, last: this.#sent, to: this.#sentTo })
    } catch (error) {
      this.#failed(error)
    }
  }

  get #hasToSend(): boolean {
    return !this.#backlog.isEmpty || !this.#chain.connected
  }

  #isSafe(entry: number): boolean {
    return this.#chain.connected && this.#sent >= entry
  }

  #wake(): void {
    if (this.#pump !== null || this.#fenced !== null || !this.#isReady) return
    this.#pump = this.#work().finally(() => {
      this.#pump = null
    })
  }

  async #work(): Promise<void> {
    for (;;) {
      try {
        const did = await this.#step()
        this.#failing = false
        this.#attempts.succeeded()
        if (!did) return
      } catch (error) {
        this.#failed(error)
        if (this.#closing || this.#fenced !== null) return
        await this.#attempts.rest()
      }
    }
  }

  /** The most urgent thing; false when there is none. */
  async #step(): Promise<boolean> {
    if (!this.#chain.connected && this.#sending === null) await this.#startImage()
    if (!this.#backlog.isEmpty) return this.#sendBacklog()
    if (this.#sending !== null && (!this.#closing || !this.#chain.connected)) {
      return this.#sendPart(this.#sending)
    }
    if (this.#closing) return false
    if (this.#sending === null && imageIsDue(this.#chain)) {
      await this.#startImage()
      return true
    }
    return this.#collect()
  }

  async #sendBacklog(): Promise<boolean> {
    // An image covers whole objects or nothing of them.
    const entries = this.#backlog.share(this.#sending?.covers ?? -1)
    const [first] = entries
    const last = entries.at(-1)
    if (first === undefined || last === undefined) return false
    await this.#put(
      { kind: 'delta', first: first.number, last: last.number, to: last.to },
      entries.flatMap(({ blocks }) => blocks),
    )
    this.#backlog.removeUpTo(last.number)
    this.#sent = Math.max(this.#sent, last.number)
    this.#sentTo = last.to
    this.#tellSafe()
    return true
  }

  async #startImage(): Promise<void> {
    const { image, covers } = await this.#options.image()
    if (!this.#chain.connected) {
      // All that waits is in the image.
      this.#backlog.removeUpTo(covers)
      this.#sent = Math.max(this.#sent, covers)
      this.#sentTo = image.manifest.frontier?.epoch ?? this.#sentTo
    }
    this.#sending = new ImageSending(image, covers)
  }

  async #sendPart(sending: ImageSending): Promise<boolean> {
    const share = await sending.next().catch((cause: unknown) => {
      // Nothing more comes of it: the database was closed, or is damaged.
      this.#abandon(sending)
      throw cause
    })
    if (this.#sending !== sending) return true
    const sequence = this.#sequence
    try {
      await this.#put(this.#partOf(sending, share), share.blocks)
    } catch (error) {
      sending.putBack(share)
      throw error
    }
    sending.sent(share, sequence)
    if (!share.isLast || this.#sending !== sending) return true
    this.#sending = null
    this.#garbage = this.#chain.images[0]?.[0] ?? null
    this.#tellSafe()
    return true
  }

  #partOf(sending: ImageSending, share: ImageShare): Content {
    const { covers, part, bytes, first = this.#sequence } = sending
    const { executions, collected, frontier } = sending.image.manifest
    const behind = { first, collected, bytes: bytes + sizeOf(share.blocks) }
    return {
      kind: 'image',
      first: this.#sent + 1,
      last: this.#sent,
      to: this.#sentTo,
      image: { first, part, whole: share.isLast, covers, to: frontier?.epoch ?? 0 },
      executions: share.isLast ? executions : null,
      collected,
      chain: share.isLast ? behindImage(this.#chain, behind) : this.#chain,
    }
  }

  /** Removes some of what the older of the two images supersedes, once that is certain. */
  async #collect(): Promise<boolean> {
    const below = this.#garbage
    const { log, others, required, settledAfter = SETTLED_AFTER } = this.#options
    if (below === null || !this.#chain.connected) return false
    if (this.#runtime.monotonic() - this.#beganAt < settledAfter) return false
    const collected = this.#chain.images[0]?.[1] ?? 0
    if (!required && (await others()) < collected) return false
    const old = (await this.#attempts.answer(log.sequences())).filter(
      (sequence) => sequence < below,
    )
    await this.#attempts.answer(log.remove(old.slice(0, REMOVED_AT_ONCE)))
    if (old.length > REMOVED_AT_ONCE) return true
    this.#garbage = null
    return false
  }

  async #put(what: Content, blocks: readonly StoredBlock[] = []): Promise<void> {
    const { log, required } = this.#options
    const record = this.#record as ExecutionRecord
    const { identity } = log
    const before = this.#chain
    const chain = what.chain ?? {
      ...before,
      objects: before.objects + 1,
      bytes: before.bytes + sizeOf(blocks),
    }
    const header: ArchiveHeader = {
      ...identity,
      sequence: this.#sequence,
      flowId: this.#flowId,
      execution: record.execution,
      resumeEpoch: record.resumeEpoch,
      image: null,
      executions: null,
      collected: 0,
      ...what,
      chain,
      certain: what.kind === 'end' || (required && chain.connected),
    }
    const length = await this.#attempts.answer(log.append(header, blocks))
    this.#sentBytes += length
    this.#sequence += 1
    // The log may have been cut meanwhile, which this object did not know.
    this.#chain = this.#chain === before ? chain : { ...chain, connected: this.#chain.connected }
  }

  #tellSafe(): void {
    if (!this.#chain.connected) return
    this.#safeTo = this.#sentTo
    if (this.#sent >= this.#taken) this.#behindSince = null
    else this.#behindSince = this.#backlog.since ?? this.#behindSince
    for (const waiter of this.#waiters) {
      if (waiter.entry > this.#sent) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }

  /** Too much waits: it is left out, and an image has to mend the log. */
  #giveUp(): void {
    const { host, place } = this.#options
    if (this.#sending !== null) this.#abandon(this.#sending)
    this.#backlog.clear()
    this.#chain = { ...this.#chain, connected: false }
    this.#dropped += 1
    host.alarm(
      `The archive of ${place} has been away for too long: what waited for it was given up, and a full ` +
        'image follows when it is back. Until then the archive is behind.',
      null,
    )
  }

  #failed(error: unknown): void {
    const { host, place } = this.#options
    this.#failures += 1
    const first = !this.#failing
    this.#failing = true
    if (error instanceof FencedError) {
      this.#fenced = error
      host.fail?.(error)
    } else if (first) {
      host.alarm(`The archive of ${place} takes nothing; it is tried again until it does.`, error)
    }
    const cause =
      error instanceof FencedError
        ? error
        : new RecoveryError(`The archive of ${place} takes nothing, and commit waits for it.`, {
            cause: error,
          })
    for (const waiter of this.#waiters) waiter.reject(cause)
    this.#waiters.clear()
    // An image that has not begun holds on to the database for nothing: the next one is younger.
    if (this.#sending !== null && this.#sending.first === undefined) this.#abandon(this.#sending)
  }

  #abandon(sending: ImageSending): void {
    void sending.end()
    if (this.#sending === sending) this.#sending = null
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const until = this.#runtime.monotonic() + BEGIN_WITHIN
    for (;;) {
      try {
        return await this.#attempts.answer(work())
      } catch (error) {
        if (error instanceof RecoveryError) throw error
        this.#failures += 1
        if (this.#failures === 1) {
          this.#options.host.alarm(`The archive of ${this.#options.place} does not answer.`, error)
        }
        if (this.#runtime.monotonic() > until) {
          throw new RecoveryError(
            `The archive of ${this.#options.place} does not answer. Executions are told apart there, so ` +
              'that none begins without it. Bring it back, or run without an archive.',
            { cause: error },
          )
        }
        await this.#attempts.rest()
      }
    }
  }
}
