import type { RunFacts } from '../../lib/flow/run-facts.ts'
import {
  DynamicSource,
  FixedPartitionedSource,
  type Polled,
  type Source,
  StatefulSourcePartition,
  StatelessSourcePartition,
} from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'

/** The end of time that a Date can tell. */
const NEVER = 8.64e15

/** A source in whose place nothing is read: its partitions keep the positions they have. */
export const stillSource = (source: Source<unknown>): Source<unknown> =>
  source instanceof FixedPartitionedSource ? new StillSource(source) : new SilentSource()

class StillSource extends FixedPartitionedSource<unknown, unknown> {
  readonly #source: FixedPartitionedSource<unknown, unknown>
  override readonly givesWatermarks: boolean

  constructor(source: FixedPartitionedSource<unknown, unknown>) {
    super()
    this.#source = source
    this.givesWatermarks = source.givesWatermarks === true
  }

  override useRun(run: RunFacts): void {
    this.#source.useRun?.(run)
  }

  override endRun(failure: unknown): void {
    this.#source.endRun?.(failure)
  }

  override listParts(): string[] | Promise<string[]> {
    return this.#source.listParts()
  }

  override buildPart(_stepId: string, _part: string, resume: unknown): StillPartition {
    return new StillPartition(resume)
  }
}

class StillPartition extends StatefulSourcePartition<unknown, unknown> {
  readonly #position: unknown

  constructor(position: unknown) {
    super()
    this.#position = position
  }

  override nextBatch(): Polled<unknown> {
    return []
  }

  override nextAwake(): number {
    return NEVER
  }

  override watermark(): number {
    return Number.NEGATIVE_INFINITY
  }

  override snapshot(): unknown {
    return this.#position
  }
}

class SilentSource extends DynamicSource<unknown> {
  override readonly givesWatermarks = true

  override build(): StatelessSourcePartition<unknown> {
    return new SilentPartition()
  }
}

class SilentPartition extends StatelessSourcePartition<unknown> {
  override nextBatch(): Polled<unknown> {
    return []
  }

  override nextAwake(): number {
    return NEVER
  }

  override watermark(): number {
    return Number.NEGATIVE_INFINITY
  }
}

/**
 * A source that hands items to one worker, then says so and stays silent: it does not end, since an
 * end would close windows and give final results.
 */
export class GivenItems extends DynamicSource<unknown> {
  override readonly givesWatermarks = true
  readonly #items: readonly unknown[]
  readonly #through: () => void
  #runtime: Runtime = systemRuntime

  constructor(items: readonly unknown[], through: () => void) {
    super()
    this.#items = items
    this.#through = through
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override build(_stepId: string, worker: number): StatelessSourcePartition<unknown> {
    if (worker !== 0) return new SilentPartition()
    // Batches of one turn may be joined: what was given is on its way when the turn is over.
    return new GivenPartition(this.#items, () => this.#runtime.soon(this.#through))
  }
}

const BATCH = 100

class GivenPartition extends SilentPartition {
  readonly #items: readonly unknown[]
  readonly #through: () => void
  #next = 0
  #over = false

  constructor(items: readonly unknown[], through: () => void) {
    super()
    this.#items = items
    this.#through = through
  }

  override nextBatch(): Polled<unknown> {
    const batch = this.#items.slice(this.#next, this.#next + BATCH)
    this.#next += batch.length
    if (batch.length === 0 && !this.#over) {
      this.#over = true
      this.#through()
    }
    return batch
  }

  override nextAwake(): number {
    return this.#over ? NEVER : 0
  }
}
