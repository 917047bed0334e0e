/** How W8s meets a store: a keyed sum whose every batch is an epoch, and holds every key. */

import {
  DynamicSink,
  dataflow,
  EOF,
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
  StatelessSinkPartition,
  start,
} from 'tidemark'
import { keyOn, keyRm, statefulMap } from 'tidemark/operators'
import type { Tally } from './workload.ts'

const PARTITIONS = 4
const silent = { info: () => {}, warn: () => {}, error: () => {} }

export interface Filling {
  readonly dir: string
  readonly keys: readonly string[]
  /** How many this run adds; it goes on where the store says. */
  readonly epochs: number
  /** All of them are out, and the last has been committed; the run ends behind it. */
  readonly onCommitted: () => Promise<void>
}

/** Runs the flow over a store, and gives what came out. */
export const fillStore = async ({ dir, keys, epochs, onCommitted }: Filling): Promise<Tally> => {
  const source = new Passes(keys, epochs)
  const sink = new Tallying()
  const flow = dataflow('sized')
  flow
    .input('keys', source)
    .pipe(
      keyOn('key', (key) => key),
      statefulMap('total', (state: { n: number; s: number } | null) => {
        const next = { n: (state?.n ?? 0) + 1, s: (state?.s ?? 0) + 3 }
        return [next, next.n]
      }),
      keyRm('bare'),
    )
    .output('tally', sink)
  const recovery = { dir, partitions: PARTITIONS }
  const execution = start(flow, { recovery, epochInterval: 0, logger: silent })
  await new Promise<void>((resolve, reject) => {
    execution.done.then(() => resolve(), reject)
    execution.events$.subscribe(({ kind }) => {
      if (kind === 'committed' && sink.count === keys.length * epochs) resolve()
    })
  })
  await onCommitted()
  source.ends = true
  await execution.done
  return { count: sink.count, sum: sink.sum }
}

class Passes extends FixedPartitionedSource<string, number> {
  readonly keys: readonly string[]
  readonly epochs: number
  /** Until then it waits when it has given all. */
  ends = false

  constructor(keys: readonly string[], epochs: number) {
    super()
    this.keys = keys
    this.epochs = epochs
  }

  override listParts(): string[] {
    return ['all']
  }

  override buildPart(_step: string, _part: string, resume: number | null): Pass {
    return new Pass(this, resume ?? 0)
  }
}

class Pass extends StatefulSourcePartition<string, number> {
  readonly #passes: Passes
  readonly #last: number
  #given: number

  constructor(passes: Passes, given: number) {
    super()
    this.#passes = passes
    this.#given = given
    this.#last = given + passes.epochs
  }

  override nextBatch(): Polled<string> {
    if (this.#given === this.#last) return this.#passes.ends ? EOF : []
    this.#given += 1
    return [...this.#passes.keys]
  }

  override snapshot(): number {
    return this.#given
  }
}

class Tallying extends DynamicSink<number> {
  count = 0
  sum = 0

  override build(): TallyingPartition {
    return new TallyingPartition(this)
  }
}

class TallyingPartition extends StatelessSinkPartition<number> {
  readonly #tally: Tallying

  constructor(tally: Tallying) {
    super()
    this.#tally = tally
  }

  override writeBatch(values: number[]): void {
    this.#tally.count += values.length
    for (const value of values) this.#tally.sum = (this.#tally.sum + value) >>> 0
  }
}
