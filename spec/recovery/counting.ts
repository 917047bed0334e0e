// A flow that counts ticks, for specs of stores that fail; no assertions but those of its own counts.
import { expect } from 'chai'
import {
  dataflow,
  EOF,
  type Execution,
  FixedPartitionedSource,
  type Polled,
  type RecoveryStore,
  type Runtime,
  StatefulSourcePartition,
  start,
} from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { TestingSink } from 'tidemark/testing'
import type { Store } from '../../lib/recovery/store.ts'

/** An item a millisecond, until it is told where to end. */
class Ticks extends FixedPartitionedSource<number, number> {
  readonly #runtime: Runtime
  end: number = Number.POSITIVE_INFINITY
  at = 0

  constructor(runtime: Runtime) {
    super()
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return ['ticks']
  }

  override buildPart(_stepId: string, _part: string, resume: number | null): TicksPartition {
    this.at = resume ?? 0
    return new TicksPartition(this, this.#runtime)
  }
}

class TicksPartition extends StatefulSourcePartition<number, number> {
  readonly #ticks: Ticks
  readonly #runtime: Runtime
  #next = 0

  constructor(ticks: Ticks, runtime: Runtime) {
    super()
    this.#ticks = ticks
    this.#runtime = runtime
  }

  override nextBatch(): Polled<number> {
    if (this.#ticks.at >= this.#ticks.end) return EOF
    this.#next = this.#runtime.now() + 1
    return [this.#ticks.at++]
  }

  override nextAwake(): number {
    return this.#next
  }

  override snapshot(): number {
    return this.#ticks.at
  }
}

const KEYS = 50

/** A kilobyte that LevelDB can't make small. */
const ballast = (seed: number): string => {
  let state = seed
  return Array.from({ length: 1024 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return String.fromCharCode(32 + ((state >>> 24) % 90))
  }).join('')
}

/** Counts ticks by key, with a state worth writing. */
export class Counting {
  readonly ticks: Ticks
  readonly sink = new TestingSink<readonly [string, number]>()
  readonly alarms: string[] = []
  onAlarm: () => void = () => {}
  #committed = 0
  readonly #runtime: Runtime

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.ticks = new Ticks(runtime)
  }

  get committed(): number {
    return this.#committed
  }

  start(recovery: Store | RecoveryStore): Execution {
    const flow = dataflow('counting')
    flow
      .input('ticks', this.ticks)
      .pipe(
        keyOn('key', (tick) => `k${tick % KEYS}`),
        statefulMap('count', (state: { n: number; ballast: string } | null, tick) => {
          const n = (state?.n ?? 0) + 1
          return [{ n, ballast: ballast(tick) }, n]
        }),
      )
      .output('out', this.sink)
    const execution = start(flow, {
      recovery,
      epochInterval: 20,
      runtime: this.#runtime,
      logger: {
        info: () => {},
        warn: () => {},
        error: ({ err }, message) => {
          this.alarms.push(`${message}: ${String(err)}`)
          this.onAlarm()
        },
      },
    })
    execution.events$.subscribe((event) => {
      if (event.kind === 'committed') this.#committed = event.epoch
    })
    return execution
  }

  /** Every key counted from 1 without a gap, to the last tick. */
  checkCounts(): void {
    const counts = new Map<string, number>()
    for (const [key, n] of this.sink.items) {
      expect(n, key).to.equal((counts.get(key) ?? 0) + 1)
      counts.set(key, n)
    }
    expect(this.sink.items.length).to.equal(this.ticks.end)
  }

  /** What is counted behind a crash goes on where a committed epoch ended, for all keys alike. */
  checkResumed(): void {
    const counts = new Map<string, number>()
    const from = this.ticks.end - this.sink.items.length
    for (const [at, [key, n]] of this.sink.items.entries()) {
      const tick = from + at
      expect(key).to.equal(`k${tick % KEYS}`)
      expect(n, key).to.equal(Math.floor(tick / KEYS) + 1)
      counts.set(key, n)
    }
    expect(counts.size).to.equal(KEYS)
  }
}
