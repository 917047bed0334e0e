import { type CorruptPartitionError, RecoveryError } from '../errors/errors.ts'
import { type ArchiveLog, isDamage } from './archive-log.ts'
import type { ArchiveHeader, ArchiveObject } from './archive-object.ts'
import { damagedObject } from './archive-object.ts'
import type { StoredBlock } from './block-key.ts'
import type { ExecutionRecord } from './store.ts'

/** What a log gives back: how far it goes, and what was known there. */
export interface Replayed {
  readonly flowId: string
  readonly executions: readonly ExecutionRecord[]
  /** Of the newest execution, every row of an epoch before `epoch` is there. */
  readonly frontier: { readonly execution: number; readonly epoch: number }
  readonly collected: number
  /** Nothing was committed that is not in it. */
  readonly certain: boolean
  /** Objects that were read. */
  readonly objects: number
  /** Why the newest image was passed over for the one before; `null` where it was not. */
  readonly passedOver: string | null
}

/** Takes the blocks of a replay, from the oldest object to the newest. */
export interface ReplayTarget {
  /** What came so far was in vain: begin with nothing again. */
  restart(): Promise<void>
  take(blocks: readonly StoredBlock[]): Promise<void>
}

/**
 * Reads a partition back from its log: the newest complete image and all that follows, or the image
 * before where that one is damaged.
 *
 * R1. Every object from the image's first on is there and whole, or the entries of those that are not can be
 *     shown to be in what is: otherwise nothing is restored.
 *
 * @param options.before - the epoch that it has to be possible to resume at
 * @returns `null` for an empty log
 * @throws CorruptPartitionError for damage that leaves anything in doubt, RecoveryError where no image
 * was complete
 */
export const replay = async (
  log: ArchiveLog,
  target: ReplayTarget,
  { before = Number.POSITIVE_INFINITY }: { readonly before?: number } = {},
): Promise<Replayed | null> => {
  const sequences = await log.sequences()
  const newest = sequences.at(-1)
  if (newest === undefined) return null
  const { header: end } = await log.read(newest)
  let passedOver: string | null = null
  const images = end.chain.images.filter(([, collected]) => collected <= before)
  if (images.length === 0) throw noImage(log.nameOf(newest), before)
  for (const [first, collected] of [...images].reverse()) {
    const pass = new Pass(log, { end, first, collected, sequences, target })
    try {
      const found = await pass.run()
      return { ...found, passedOver }
    } catch (error) {
      if (!isDamage(error)) throw error
      if (passedOver !== null || images.length < 2) throw error
      passedOver = (error as CorruptPartitionError).message
    }
  }
  return null
}

const noImage = (name: string, before: number): RecoveryError =>
  new RecoveryError(
    before === Number.POSITIVE_INFINITY
      ? `The archive has no complete image of a partition (its last object is ${name}): it was being sent when ` +
          'its host was lost. There is nothing to restore.'
      : `The archive keeps no image of a partition (its last object is ${name}) that is old enough to resume ` +
          `at epoch ${before}, which is as far as others got.`,
  )

/** One try to read a log from one image on. */
class Pass {
  readonly #log: ArchiveLog
  readonly #end: ArchiveHeader
  readonly #first: number
  readonly #collected: number
  readonly #there: ReadonlySet<number>
  readonly #target: ReplayTarget
  #flowId = ''
  #executions: readonly ExecutionRecord[] = []
  /** The last entry that the image covers, and the frontier of the image. */
  #covers = 0
  #to = 0
  #execution = 0
  #parts = 0
  #whole = false
  /** The last entry that is known to be there. */
  #reached: number | null = null
  #damage: CorruptPartitionError | null = null
  #cut = false
  /** The executions that any object tells of. */
  #known: readonly ExecutionRecord[] = []

  constructor(
    log: ArchiveLog,
    from: {
      readonly end: ArchiveHeader
      readonly first: number
      readonly collected: number
      readonly sequences: readonly number[]
      readonly target: ReplayTarget
    },
  ) {
    this.#log = log
    this.#end = from.end
    this.#first = from.first
    this.#collected = from.collected
    this.#there = new Set(from.sequences)
    this.#target = from.target
  }

  async run(): Promise<Omit<Replayed, 'passedOver'>> {
    await this.#target.restart()
    let certain = false
    let objects = 0
    for (let sequence = this.#first; sequence <= this.#end.sequence; sequence++) {
      const object = await this.#read(sequence)
      if (object === null) continue
      objects += 1
      await this.#take(object)
      certain = object.header.certain
    }
    if (!this.#whole) {
      throw this.#damage ?? damagedObject(this.#log.nameOf(this.#first), 'its image has no end')
    }
    // What could not be read may be what is missing.
    if (this.#damage !== null && this.#cut) throw this.#damage
    return {
      flowId: this.#flowId,
      executions: this.#cut ? this.#withLater() : this.#executions,
      frontier: { execution: this.#execution, epoch: this.#to },
      collected: this.#collected,
      certain: certain && !this.#cut,
      objects,
    }
  }

  async #read(sequence: number): Promise<ArchiveObject | null> {
    try {
      if (!this.#there.has(sequence)) {
        throw damagedObject(this.#log.nameOf(sequence), 'it is gone')
      }
      return await this.#log.read(sequence)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#damage ??= error as CorruptPartitionError
      return null
    }
  }

  async #take({ header, blocks }: ArchiveObject): Promise<void> {
    this.#flowId = header.flowId
    if (header.executions !== null) this.#known = header.executions
    if (header.kind === 'image') return this.#takePart(header, blocks)
    if (header.kind === 'end') {
      this.#meet(header.last)
      return
    }
    if (header.sequence === this.#first) {
      this.#covers = header.last
      this.#reached = header.last
      this.#whole = true
      this.#begin(header)
      return
    }
    // The image has it.
    if (header.last <= this.#covers || this.#cut) return
    this.#meet(header.first - 1)
    if (this.#cut) return
    this.#reached = header.last
    if (header.kind === 'begin') this.#begin(header)
    else {
      this.#to = Math.max(this.#to, header.to)
      await this.#target.take(blocks)
    }
  }

  async #takePart(header: ArchiveHeader, blocks: readonly StoredBlock[]): Promise<void> {
    const { image } = header
    if (image === null) return
    if (image.first !== this.#first) {
      // Of another image; which entries were before it is told all the same.
      this.#meet(header.last)
      return
    }
    if (image.part !== this.#parts) {
      throw (
        this.#damage ?? damagedObject(this.#log.nameOf(header.sequence), 'a part before it is gone')
      )
    }
    if (image.part === 0) {
      this.#covers = image.covers
      this.#reached = image.covers
      this.#to = image.to
      this.#execution = header.execution
    }
    this.#parts += 1
    if (image.whole) {
      this.#whole = true
      this.#executions = header.executions ?? []
    }
    await this.#target.take(blocks)
  }

  #begin(header: ArchiveHeader): void {
    this.#execution = header.execution
    this.#to = header.to
    this.#executions = header.executions ?? []
  }

  /** No later execution may take the number of one whose rows were left behind the cut. */
  #withLater(): readonly ExecutionRecord[] {
    const newest = this.#executions.at(-1)?.execution ?? -1
    return [...this.#executions, ...this.#known.filter(({ execution }) => execution > newest)]
  }

  /** Entries up to this one were sent: where they did not come along, the log is cut. */
  #meet(entry: number): void {
    if (this.#reached !== null && entry > this.#reached) this.#cut = true
  }
}
