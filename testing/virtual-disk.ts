import { MemoryStore } from '../lib/recovery/memory.ts'
import type { WriteFate } from '../lib/recovery/memory-table.ts'
import type { Store } from '../lib/recovery/store.ts'
import type { DurationLike } from '../lib/time/time.ts'
import type { Chance } from './chance.ts'
import type { VirtualRuntime } from './virtual-runtime.ts'

/** A write that has been asked for and has not been answered. */
interface UnderWay {
  settle(fate: WriteFate): void
}

/**
 * A recovery store on a virtual disk: writes take virtual time, may fail, and at a crash those
 * under way are lost or have just made it.
 */
export class VirtualDisk {
  readonly store: MemoryStore
  readonly #runtime: VirtualRuntime
  readonly #chance: Chance
  readonly #delay: number
  readonly #failures: number
  readonly #underWay = new Set<UnderWay>()

  constructor(
    world: { readonly runtime: VirtualRuntime; readonly chance: Chance },
    options: {
      readonly partitions: number
      readonly backupInterval: DurationLike
      /** The longest that a write takes: milliseconds. */
      readonly delay: number
      /** The share of writes that fail. */
      readonly failures: number
    },
  ) {
    this.#runtime = world.runtime
    this.#chance = world.chance
    this.#delay = options.delay
    this.#failures = options.failures
    this.store = new MemoryStore({
      partitions: options.partitions,
      backupInterval: options.backupInterval,
      fate: () => this.#write(),
    })
  }

  /** The machine went down: what was under way is there or not; what was not synced may be gone. */
  crash(): void {
    for (const write of this.#underWay) if (this.#chance.happens(0.5)) write.settle('done')
    this.#underWay.clear()
  }

  /** After {@link crash}, when what has just made it is written. */
  reopen(): void {
    this.store.crash(this.#chance.happens(0.5) ? 'keep' : 'lose')
  }

  #write(): WriteFate | Promise<WriteFate> {
    const fate = this.#fate()
    if (this.#delay === 0) return fate
    return new Promise((resolve) => {
      const write: UnderWay = { settle: resolve }
      this.#underWay.add(write)
      this.#runtime.after(this.#chance.number() * this.#delay, () => {
        this.#underWay.delete(write)
        resolve(fate)
      })
    })
  }

  #fate(): WriteFate {
    if (!this.#chance.happens(this.#failures)) return 'done'
    return this.#chance.happens(0.5) ? 'lost' : 'torn'
  }
}

/** What a simulation asks of its store when the process dies. */
export interface Crashable {
  crash(): void
  reopen(): void
}

/** A store that a caller brought: it is reopened if it can be, and has no faults of ours. */
export const crashable = (store: Store): Crashable => ({
  crash: () => {},
  reopen: () => {
    if (store instanceof MemoryStore) store.crash('keep')
  },
})
