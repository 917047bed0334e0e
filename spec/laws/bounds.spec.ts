import { expect } from 'chai'
import {
  type Dataflow,
  DynamicSink,
  dataflow,
  type Runtime,
  StatelessSinkPartition,
  start,
} from 'tidemark'
import { keyOn, keyRm, map, statefulMap } from 'tidemark/operators'
import { MemoryStore, simulate, TestingSink, VirtualRuntime } from 'tidemark/testing'
import { PartsSource } from '../support/parts-source.ts'

/** A sink that takes its time on the run's clock, and looks around before each write. */
class LookingSink<T> extends DynamicSink<T> {
  readonly #millis: number
  readonly #look: (written: number) => void
  #runtime: Runtime | null = null
  written = 0

  constructor(millis: number, look: (written: number) => void = () => {}) {
    super()
    this.#millis = millis
    this.#look = look
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#runtime = runtime
  }

  override build(): StatelessSinkPartition<T> {
    const write = (items: readonly T[]): Promise<void> => this.#write(items)
    return new (class extends StatelessSinkPartition<T> {
      override writeBatch(items: T[]): Promise<void> {
        return write(items)
      }
    })()
  }

  async #write(items: readonly T[]): Promise<void> {
    this.#look(this.written)
    await new Promise<void>((resolve) => this.#runtime?.after(this.#millis, resolve))
    this.written += items.length
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** Two exchanges in a row, before the sink. */
const twoExchanges = (source: PartsSource<number>, sink: DynamicSink<number>): Dataflow => {
  const flow = dataflow('exchanges')
  const count = (id: string) =>
    statefulMap(id, (n: number | null, item: number) => [(n ?? 0) + 1, item])
  flow
    .input('in', source)
    .pipe(
      keyOn('one', (n) => String(n % 97)),
      count('first'),
      map('between', ([, n]) => n),
      keyOn('two', (n) => String(n % 89)),
      count('second'),
      keyRm('rm'),
    )
    .output('out', sink)
  return flow
}

describe('What is under way', () => {
  for (const workers of [1, 3]) {
    it(`stays bounded behind a slow sink, on ${workers} workers`, async () => {
      const source = new PartsSource([numbers(150_000), numbers(150_000)], { batchSize: 500 })
      let most = 0
      const sink = new LookingSink<number>(5, (written) => {
        most = Math.max(most, source.polled - written)
      })
      const runtime = new VirtualRuntime()
      const execution = start(twoExchanges(source, sink), { workers, runtime, epochInterval: 1000 })
      await runtime.run(execution.done)
      expect(sink.written).to.equal(300_000)
      expect(most).to.be.lessThan(workers === 1 ? 30_000 : 200_000)
    })
  }

  it('is bounded in epochs too while the store does not answer', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    let writes = 0
    const store = new MemoryStore({
      fate: async (): Promise<'done'> => {
        writes += 1
        // The first write is the beginning of the execution, the second the starting positions.
        if (writes > 2) await gate
        return 'done'
      },
    })
    const source = new PartsSource([numbers(1000)], { batchSize: 1 })
    const flow = dataflow('unanswered')
    flow.input('in', source).output('out', new TestingSink<number>())
    const runtime = new VirtualRuntime()
    const { done } = start(flow, { runtime, recovery: store, epochInterval: 0 })
    await runtime.advance({ hours: 1 })
    expect(source.polled).to.be.within(10, 200)
    open()
    await runtime.run(done)
    expect(source.polled).to.equal(1000)
  })

  it('never locks two exchanges in a row against each other, however slow a worker is', async () => {
    for (let seed = 0; seed < 6; seed++) {
      const source = new PartsSource(
        Array.from({ length: 4 }, () => numbers(20_000)),
        { batchSize: 2000 },
      )
      const sink = new LookingSink<number>(seed % 2)
      await simulate(twoExchanges(source, sink), {
        seed,
        workers: 3,
        epochInterval: 2,
        store: null,
        faults: { pauses: 4, pauseFor: { minutes: 1 }, within: 300 },
      })
      expect(sink.written).to.equal(80_000)
    }
  })
})

describe('A stop', () => {
  it('closes the epoch, and nothing is replayed or lost when the flow goes on', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const store = new MemoryStore()
      const source = new PartsSource([numbers(200), numbers(200)], { batchSize: 3, slow: 5 })
      const sink = new TestingSink<number>()
      for (let run = 0; ; run++) {
        const flow = dataflow('stopped')
        flow.input('in', source).output('out', sink)
        const runtime = new VirtualRuntime({ seed: seed * 100 + run })
        const execution = start(flow, {
          runtime,
          recovery: store,
          workers: 1 + (run % 3),
          epochInterval: 50,
        })
        runtime.after(runtime.random() * 100, () => execution.stop().catch(() => {}))
        const { reason } = await runtime.run(execution.done)
        if (reason === 'eof') break
      }
      expect(sink.items.sort((a, b) => a - b)).to.deep.equal(
        [...numbers(200), ...numbers(200)].sort((a, b) => a - b),
      )
    }
  })

  it('is taken up at any moment, also before anything has begun', async () => {
    for (let steps = 0; steps < 60; steps++) {
      const runtime = new VirtualRuntime({ seed: steps })
      const flow = dataflow('moment')
      flow.input('in', new PartsSource([numbers(50)], { slow: 3 })).output('out', new TestingSink())
      const execution = start(flow, {
        runtime,
        recovery: new MemoryStore(),
        workers: 3,
        epochInterval: 0,
      })
      let left = steps
      await runtime.run(execution.done, {
        between: () => {
          if (left-- === 0) execution.stop({ drain: steps % 2 === 0 }).catch(() => {})
        },
      })
    }
  })
})
