import { CorruptPartitionError, FencedError, RecoveryError } from '../errors/errors.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { ArchiveFacts } from './archive.ts'
import { type ArchiveLog, fenced } from './archive-log.ts'
import type { ArchiveHeader, Chain } from './archive-object.ts'
import { type StoredBlock, storedChecksum } from './block-key.ts'
import { type PartitionImage, remembered } from './partition.ts'
import type { ExecutionRecord, PartitionFacts, StoreHost } from './store.ts'

/** What one object holds of blocks, unless a single one is larger. */
const OBJECT_BYTES = 4 * 1024 * 1024
/** What may wait while the archive is away, where commit does not wait for it. */
const MOST_WAITING_BYTES = 64 * 1024 * 1024
const MOST_WAITING = 1024
/** Below this a log is not worth a new image. */
const WORTHWHILE_BYTES = 4 * 1024 * 1024
const WORTHWHILE_OBJECTS = 256
/** An image is as good as so many bytes for each object that it saves a restore from reading. */
const BYTES_PER_OBJECT = 64 * 1024
/** Executions that may begin between two images: fewer than a partition remembers. */
const MOST_BEGINS = 16
/** How long the archive may take for one object, and for the first one of an execution: milliseconds. */
const ANSWER_WITHIN = 30_000
const BEGIN_WITHIN = 60_000
const CLOSE_WITHIN = 10_000
const SHORTEST_PAUSE = 100
const LONGEST_PAUSE = 10_000
/** No dead execution sleeps so long and writes then: what it could write is removed only later. */
const SETTLED_AFTER = 120_000
/** Superseded objects that are removed before something else has a turn. */
const REMOVED_AT_ONCE = 32

/** What one call of `append` made durable here, and is to be sent. */
interface Entry {
  readonly number: number
  readonly to: number
  readonly blocks: readonly StoredBlock[]
  readonly bytes: number
  readonly at: number
}

interface Waiter {
  readonly entry: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** An image that is being sent. */
interface Sending {
  readonly image: PartitionImage
  readonly covers: number
  /** Its first object, once that is there. */
  first: number
  part: number
  bytes: number
  ahead: StoredBlock[]
  done: boolean
  /** Blocks so far, and the sum of their checksums. */
  blocks: number
  sum: number
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
  #backlog: Entry[] = []
  #backlogBytes = 0
  #behindSince: number | null = null
  #sending: Sending | null = null
  #garbage: number | null = null
  #beganAt = 0
  #isReady = false
  #pump: Promise<void> | null = null
  #failing = false
  #pause = SHORTEST_PAUSE
  #rest: { readonly timer: Timer; readonly goOn: () => void } | null = null
  #fenced: FencedError | null = null
  #closing = false
  #failures = 0
  #dropped = 0
  #sentBytes = 0

  constructor(options: ArchiverOptions) {
    this.#options = options
    this.#runtime = options.host.runtime
  }

  get facts(): ArchiveFacts {
    const behind = this.#behindSince
    return {
      lagEpochs: Math.max(0, this.#takenTo - this.#safeTo),
      lagBytes: this.#backlogBytes,
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
    const bytes = blocks.reduce((sum, block) => sum + block.key.raw.length + block.bytes.length, 0)
    const at = this.#runtime.monotonic()
    this.#taken += 1
    this.#takenTo = Math.max(this.#takenTo, to)
    this.#backlog.push({ number: this.#taken, to: this.#takenTo, blocks, bytes, at })
    this.#backlogBytes += bytes
    this.#behindSince ??= at
    const tooMuch = this.#backlogBytes > MOST_WAITING_BYTES || this.#backlog.length > MOST_WAITING
    if (tooMuch && !this.#options.required) this.#giveUp()
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
      this.#rest?.goOn()
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
    this.#rest?.goOn()
    await this.#sending?.image.blocks.return(undefined).catch(() => undefined)
  }

  async #drain(): Promise<void> {
    this.#rest?.goOn()
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
    return this.#backlog.length > 0 || !this.#chain.connected
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
        this.#pause = SHORTEST_PAUSE
        if (!did) return
      } catch (error) {
        this.#failed(error)
        if (this.#closing || this.#fenced !== null) return
        await this.#restAWhile()
      }
    }
  }

  /** The most urgent thing; false when there is none. */
  async #step(): Promise<boolean> {
    if (!this.#chain.connected && this.#sending === null) await this.#startImage()
    if (this.#backlog.length > 0) return this.#sendBacklog()
    if (this.#sending !== null && (!this.#closing || !this.#chain.connected)) {
      return this.#sendPart(this.#sending)
    }
    if (this.#closing) return false
    if (this.#imageIsDue) {
      await this.#startImage()
      return true
    }
    return this.#collect()
  }

  async #sendBacklog(): Promise<boolean> {
    const [first] = this.#backlog
    if (first === undefined) return false
    const entries: Entry[] = []
    let bytes = 0
    for (const entry of this.#backlog) {
      if (entries.length > 0 && bytes + entry.bytes > OBJECT_BYTES) break
      // An image covers whole objects or nothing of them.
      if (entries.length > 0 && entry.number === (this.#sending?.covers ?? -1) + 1) break
      entries.push(entry)
      bytes += entry.bytes
    }
    const last = entries.at(-1) ?? first
    await this.#put(
      { kind: 'delta', first: first.number, last: last.number, to: last.to },
      entries.flatMap(({ blocks }) => blocks),
    )
    // What was given up meanwhile is no longer there.
    this.#backlog = this.#backlog.filter(({ number }) => number > last.number)
    this.#backlogBytes = this.#backlog.reduce((sum, entry) => sum + entry.bytes, 0)
    this.#sent = Math.max(this.#sent, last.number)
    this.#sentTo = last.to
    this.#tellSafe()
    return true
  }

  async #startImage(): Promise<void> {
    const { image, covers } = await this.#options.image()
    if (!this.#chain.connected) {
      // All that waits is in the image.
      this.#backlog = this.#backlog.filter(({ number }) => number > covers)
      this.#backlogBytes = this.#backlog.reduce((sum, entry) => sum + entry.bytes, 0)
      this.#sent = Math.max(this.#sent, covers)
      this.#sentTo = image.manifest.frontier?.epoch ?? this.#sentTo
    }
    this.#sending = {
      image,
      covers,
      first: -1,
      part: 0,
      bytes: 0,
      ahead: [],
      done: false,
      blocks: 0,
      sum: 0,
    }
  }

  async #sendPart(sending: Sending): Promise<boolean> {
    const blocks = await nextBlocks(sending).catch((cause: unknown) => {
      // Nothing more comes of it: the database was closed, or is damaged.
      this.#abandon(sending)
      throw cause
    })
    if (this.#sending !== sending) return true
    const first = sending.first === -1 ? this.#sequence : sending.first
    const { manifest } = sending.image
    const bytes = sending.bytes + blocks.reduce((sum, block) => sum + block.bytes.length, 0)
    const whole = sending.done && sending.ahead.length === 0
    const { images } = this.#chain
    const chain: Chain = whole
      ? {
          images: [...images, [first, manifest.collected] as const].slice(-2),
          connected: true,
          objects: 0,
          begins: 0,
          bytes: 0,
          imageBytes: bytes,
        }
      : this.#chain
    try {
      await this.#put(
        {
          kind: 'image',
          first: this.#sent + 1,
          last: this.#sent,
          to: this.#sentTo,
          image: {
            first,
            part: sending.part,
            whole,
            covers: sending.covers,
            to: manifest.frontier?.epoch ?? 0,
          },
          executions: whole ? manifest.executions : null,
          collected: manifest.collected,
          chain,
        },
        blocks,
      )
    } catch (error) {
      sending.ahead = [...blocks, ...sending.ahead]
      throw error
    }
    sending.first = first
    sending.part += 1
    sending.bytes = bytes
    if (!whole || this.#sending !== sending) return true
    this.#sending = null
    this.#garbage = this.#chain.images[0]?.[0] ?? null
    this.#tellSafe()
    return true
  }

  get #imageIsDue(): boolean {
    const { bytes, imageBytes, objects, begins } = this.#chain
    if (this.#sending !== null) return false
    return (
      begins > MOST_BEGINS ||
      bytes > Math.max(WORTHWHILE_BYTES, 2 * imageBytes) ||
      objects > Math.max(WORTHWHILE_OBJECTS, imageBytes / BYTES_PER_OBJECT)
    )
  }

  /** Removes some of what the older of the two images supersedes, once that is certain. */
  async #collect(): Promise<boolean> {
    const below = this.#garbage
    const { log, others, required, settledAfter = SETTLED_AFTER } = this.#options
    if (below === null || !this.#chain.connected) return false
    if (this.#runtime.monotonic() - this.#beganAt < settledAfter) return false
    const collected = this.#chain.images[0]?.[1] ?? 0
    if (!required && (await others()) < collected) return false
    const old = (await this.#answer(log.sequences())).filter((sequence) => sequence < below)
    await this.#answer(log.remove(old.slice(0, REMOVED_AT_ONCE)))
    if (old.length > REMOVED_AT_ONCE) return true
    this.#garbage = null
    return false
  }

  async #put(
    what: Pick<ArchiveHeader, 'kind' | 'first' | 'last' | 'to'> &
      Partial<Pick<ArchiveHeader, 'image' | 'executions' | 'collected' | 'chain'>>,
    blocks: readonly StoredBlock[] = [],
  ): Promise<void> {
    const { log, required } = this.#options
    const record = this.#record as ExecutionRecord
    const { identity } = log
    const before = this.#chain
    const bytes = blocks.reduce((sum, block) => sum + block.bytes.length, 0)
    const chain = what.chain ?? {
      ...before,
      objects: before.objects + 1,
      bytes: before.bytes + bytes,
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
    const length = await this.#answer(log.append(header, blocks))
    this.#sentBytes += length
    this.#sequence += 1
    // The log may have been cut meanwhile, which this object did not know.
    this.#chain = this.#chain === before ? chain : { ...chain, connected: this.#chain.connected }
  }

  #tellSafe(): void {
    if (!this.#chain.connected) return
    this.#safeTo = this.#sentTo
    if (this.#sent >= this.#taken) this.#behindSince = null
    else this.#behindSince = this.#backlog[0]?.at ?? this.#behindSince
    for (const waiter of this.#waiters) {
      if (waiter.entry > this.#sent) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }

  /** Too much waits: it is left out, and an image has to mend the log. */
  #giveUp(): void {
    const { host, place } = this.#options
    void this.#sending?.image.blocks.return(undefined).catch(() => undefined)
    this.#sending = null
    this.#backlog = []
    this.#backlogBytes = 0
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
    if (this.#sending?.first === -1) this.#abandon(this.#sending)
  }

  #abandon(sending: Sending): void {
    void sending.image.blocks.return(undefined).catch(() => undefined)
    if (this.#sending === sending) this.#sending = null
  }

  #restAWhile(): Promise<void> {
    return new Promise((resolve) => {
      const goOn = (): void => {
        this.#rest?.timer.cancel()
        this.#rest = null
        resolve()
      }
      this.#rest = { timer: this.#runtime.after(this.#pause, goOn), goOn }
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE)
    })
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const until = this.#runtime.monotonic() + BEGIN_WITHIN
    for (;;) {
      try {
        return await this.#answer(work())
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
        await this.#restAWhile()
      }
    }
  }

  /** An archive that says nothing is away. */
  #answer<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#runtime.after(ANSWER_WITHIN, () =>
        reject(new Error(`It has not answered for ${ANSWER_WITHIN / 1000} s.`)),
      )
      work.then(resolve, reject).finally(() => timer.cancel())
    })
  }
}

const NO_CHAIN: Chain = {
  images: [],
  connected: false,
  objects: 0,
  begins: 0,
  bytes: 0,
  imageBytes: 0,
}

const checkTakeOver = (
  last: ArchiveHeader | null,
  by: { readonly flowId: string; readonly record: ExecutionRecord; readonly name: string },
): void => {
  if (last === null) return
  if (last.flowId !== by.flowId) {
    throw new RecoveryError(
      `The archived object ${by.name} belongs to the flow "${last.flowId}", not to "${by.flowId}": give ` +
        'each flow an archive of its own.',
    )
  }
  if (last.execution >= by.record.execution) throw fenced(by.name)
}

/** Whether all that counts of a partition before the new execution is what the log holds. */
const continues = (
  last: ArchiveHeader,
  record: ExecutionRecord,
  { executions }: PartitionFacts,
): boolean => {
  const known = executions.find(({ execution }) => execution === last.execution)
  return (
    last.chain.connected &&
    last.chain.begins < MOST_BEGINS &&
    last.to >= record.resumeEpoch &&
    known?.resumeEpoch === last.resumeEpoch &&
    executions.every(
      ({ execution, resumeEpoch }) =>
        execution <= last.execution || resumeEpoch >= record.resumeEpoch,
    )
  )
}

/** As many blocks as go into an object; the first that is too many waits. */
const nextBlocks = async (sending: Sending): Promise<StoredBlock[]> => {
  while (!sending.done && sizeOf(sending.ahead) < OBJECT_BYTES) {
    const chunk = await sending.image.blocks.next()
    if (chunk.done === true) {
      sending.done = true
      checkWhole(sending)
      break
    }
    for (const block of chunk.value) {
      sending.ahead.push(block)
      sending.blocks += 1
      sending.sum += storedChecksum(block.key)
    }
  }
  const blocks: StoredBlock[] = []
  let bytes = 0
  for (const block of sending.ahead) {
    if (blocks.length > 0 && bytes + block.bytes.length > OBJECT_BYTES) break
    blocks.push(block)
    bytes += block.bytes.length
  }
  sending.ahead = sending.ahead.slice(blocks.length)
  return blocks
}

/** What is missing here must not be missing there without a word. */
const checkWhole = ({ image: { manifest }, blocks, sum }: Sending): void => {
  if (manifest.blocks === blocks && manifest.sum === sum) return
  throw new CorruptPartitionError(
    `A recovery partition can't be archived whole: ${manifest.blocks} blocks were written, ${blocks} are there.`,
  )
}

const sizeOf = (blocks: readonly StoredBlock[]): number =>
  blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
