import type { FixedPartitionedSource } from '../flow/source.ts'
import type { StepHost } from './step-host.ts'

/** What a look found that is for this worker to read. */
type Found = readonly string[]

/**
 * Looks again, from time to time, for partitions that a source has gained while the flow runs.
 *
 * V1. One look at a time; a look that fails fails the step.
 * V2. When every partition has ended, one last look decides whether the source has.
 */
export class SourceDiscovery {
  readonly #source: FixedPartitionedSource<unknown, unknown>
  readonly #host: StepHost
  readonly #every: number
  /** Every partition there is, on any worker, as far as this one knows. */
  readonly #known: Set<string>
  readonly #mine: (part: string) => boolean
  #due: number
  #looking = false
  #lastLook: 'owed' | 'taken' = 'owed'

  constructor(
    source: FixedPartitionedSource<unknown, unknown>,
    ends: {
      readonly host: StepHost
      /** Milliseconds between two looks. */
      readonly every: number
      readonly known: ReadonlySet<string>
      readonly mine: (part: string) => boolean
    },
  ) {
    this.#source = source
    this.#host = ends.host
    this.#every = ends.every
    this.#known = new Set(ends.known)
    this.#mine = ends.mine
    this.#due = ends.host.around.runtime.now() + ends.every
  }

  /** Wall-clock time of the next look, or infinity while one is under way. */
  get due(): number {
    return this.#looking ? Number.POSITIVE_INFINITY : this.#due
  }

  /** Whether a look since everything ended has found nothing new (V2). */
  get exhausted(): boolean {
    return this.#lastLook === 'taken'
  }

  /** Every partition that is read here has ended: the next look is the last, and due now. */
  owe(): void {
    this.#lastLook = 'owed'
    this.#due = Number.NEGATIVE_INFINITY
  }

  /** Looks; `open` is called with what is new and this worker's to read. */
  look(open: (parts: Found) => Promise<void>): Promise<void> {
    this.#looking = true
    return this.#look(open)
  }

  async #look(open: (parts: Found) => Promise<void>): Promise<void> {
    const names = await this.#host.call('listParts', undefined, () => this.#source.listParts())
    const found = [...new Set(names)].filter((name) => !this.#known.has(name)).sort()
    for (const name of found) this.#known.add(name)
    const own = found.filter((name) => this.#mine(name))
    if (own.length > 0) await open(own)
    this.#lastLook = own.length > 0 ? 'owed' : 'taken'
    this.#looking = false
    this.#due = this.#host.around.runtime.now() + this.#every
    this.#host.around.wake()
  }
}
