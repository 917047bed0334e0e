import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import {
  dataflow,
  EOF,
  type Execution,
  FixedPartitionedSource,
  type Polled,
  RecoveryStore,
  type Runtime,
  StatefulSourcePartition,
  start,
  systemRuntime,
} from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { MemoryStore, TestingSink, VirtualRuntime } from 'tidemark/testing'
import { inspectStore } from '../../lib/recovery/inspect.ts'
import type { Store } from '../../lib/recovery/store.ts'
import { Folder } from '../support/folder.ts'

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
class Counting {
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

  start(recovery: Store): Execution {
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
        error: (message) => {
          this.alarms.push(message)
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
}

describe('A flow whose store cannot be written', () => {
  for (const fate of ['lost', 'torn'] as const) {
    it(`raises an alarm, goes on until its backlog is full, and catches up (${fate})`, async () => {
      const runtime = new VirtualRuntime({ seed: 1 })
      const counting = new Counting(runtime)
      let failing = false
      const store = new MemoryStore({ partitions: 2, fate: () => (failing ? fate : 'done') })
      const execution = counting.start(store)

      const seen: Record<string, number> = {}
      runtime.after(500, () => {
        failing = true
        seen['committed'] = counting.committed
        seen['items'] = counting.sink.items.length
      })
      runtime.after(9000, () => {
        seen['full'] = counting.sink.items.length
      })
      runtime.after(10_000, () => {
        expect(counting.alarms.join()).to.match(/snapshot could not be written/)
        // What was under way when the disk failed may still have been acknowledged.
        expect(counting.committed - (seen['committed'] ?? 0)).to.be.within(0, 2)
        // 64 epochs of 20 ms are let in, and then no more.
        expect(counting.sink.items.length - (seen['items'] ?? 0)).to.be.within(1000, 1500)
        expect(counting.sink.items.length).to.equal(seen['full'])
        failing = false
        counting.ticks.end = 4000
      })
      await runtime.run(execution.done)
      expect(counting.committed).to.be.greaterThan(150)
      counting.checkCounts()

      counting.ticks.end = 4500
      await runtime.run(counting.start(store).done)
      counting.checkCounts()
    })
  }

  it('does so on a disk that is full (needs root, for a small disk of its own)', async function () {
    this.timeout(30_000)
    const folder = new Folder()
    await folder.make()
    const disk = folder.file('disk')
    mkdirSync(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk], { stdio: 'ignore' })
    } catch {
      await folder.remove()
      this.skip()
    }
    try {
      await fillAndFree(disk)
    } finally {
      execFileSync('umount', [disk])
      await folder.remove()
    }
  })
})

const after = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    systemRuntime.after(millis, resolve)
  })

const fillAndFree = async (disk: string): Promise<void> => {
  const filler = `${disk}/filler`
  const store = await RecoveryStore.init(`${disk}/state`, 2)
  const counting = new Counting(systemRuntime)
  const execution = counting.start(store)
  const alarm = new Promise<void>((resolve) => {
    counting.onAlarm = resolve
  })
  await after(300)
  fill(filler)
  await alarm
  const { committed } = counting
  const items = counting.sink.items.length
  // It goes on ...
  while (counting.sink.items.length < items + 200) await after(10)
  expect(counting.committed - committed, 'nothing more is committed').to.be.within(0, 2)
  rmSync(filler)
  // ... and writes again when it can.
  while (counting.committed <= committed + 5) await after(10)
  counting.ticks.end = counting.ticks.at + 100
  await execution.done
  counting.checkCounts()
  expect((await inspectStore(`${disk}/state`)).damage).to.deep.equal([])

  counting.ticks.end += 100
  await counting.start(store).done
  counting.checkCounts()
}

/** Writes until there is no room left. */
const fill = (path: string): void => {
  for (const size of [1024 * 1024, 64 * 1024, 4096]) {
    for (let wrote = true; wrote; ) {
      try {
        writeFileSync(path, Buffer.alloc(size), { flag: 'a' })
      } catch {
        wrote = false
      }
    }
  }
}
