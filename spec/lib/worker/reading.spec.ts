import { expect } from 'chai'
import { type Dataflow, dataflow, type Source, start } from 'tidemark'
import {
  clusterMain,
  MemoryStore,
  runMain,
  TestingSink,
  TestingSource,
  VirtualRuntime,
} from 'tidemark/testing'
import {
  type Script,
  ScriptedDynamicSource,
  ScriptedSource,
} from '../../support/scripted-source.ts'

const YEAR = 365 * 86_400_000

const reading = <T>(...sources: Source<T>[]): { flow: Dataflow; sink: TestingSink<T> } => {
  const sink = new TestingSink<T>()
  const flow = dataflow('reading')
  for (const [at, source] of sources.entries()) {
    flow.input(`in${at}`, source).output(`out${at}`, sink)
  }
  return { flow, sink }
}

const KINDS: readonly (readonly [string, <T>(script: Script<T>) => Source<T>])[] = [
  ['FixedPartitionedSource', (script) => new ScriptedSource({ part: script })],
  ['DynamicSource', (script) => new ScriptedDynamicSource(script)],
]

/** The times between polls, in milliseconds. */
const gaps = (times: readonly number[]): number[] =>
  times.slice(1).map((time, at) => time - (times[at] as number))

for (const [kind, make] of KINDS) {
  describe(`A ${kind}`, () => {
    it('gives all that an iterator holds, each poll in order (160, 161)', async () => {
      const batches = [0, 1, 2, 3, 4].map((n) => new Set([n, n + 0.5]).values())
      const { flow, sink } = reading(make({ batches }))
      await runMain(flow, { runtime: new VirtualRuntime() })
      expect(sink.items).to.deep.equal([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5])
    })

    it('is not polled before its nextAwake (162, 164)', async () => {
      const times: number[] = []
      const script = {
        batches: [[1], [2], [3]],
        every: 100,
        polled: (now: number) => times.push(now),
      }
      const { flow, sink } = reading(make(script))
      await runMain(flow, { runtime: new VirtualRuntime() })
      expect(sink.items).to.deep.equal([1, 2, 3])
      expect(gaps(times)).to.deep.equal([100, 100, 100])
    })

    it('is polled in time beside a slower one, while epochs go on (163, 165)', async () => {
      const fast: number[] = []
      const slow: number[] = []
      const { flow, sink } = reading(
        make({
          batches: Array.from({ length: 10 }, () => ['f']),
          every: 100,
          polled: (now) => fast.push(now),
        }),
        make({
          batches: Array.from({ length: 3 }, () => ['s']),
          every: 500,
          polled: (now) => slow.push(now),
        }),
      )
      const { epoch } = await runMain(flow, { runtime: new VirtualRuntime(), epochInterval: 250 })
      expect(sink.items.length).to.equal(13)
      for (const gap of gaps(fast)) expect(gap).to.be.within(100, 105)
      for (const gap of gaps(slow)) expect(gap).to.be.within(500, 505)
      expect(epoch).to.be.greaterThan(4)
    })

    it('may sleep for years', async () => {
      const times: number[] = []
      const script = {
        batches: [[1], [2]],
        every: 40 * YEAR,
        polled: (now: number) => times.push(now),
      }
      const { flow, sink } = reading(make(script))
      const runtime = new VirtualRuntime()
      await runMain(flow, { runtime, epochInterval: YEAR })
      expect(gaps(times)).to.deep.equal([40 * YEAR, 40 * YEAR])
      expect(sink.items).to.deep.equal([1, 2])
      expect(runtime.steps).to.be.lessThan(1000)
    })

    it('costs no busy loop while it has nothing', async () => {
      const never: Script<number> = { batches: Array.from({ length: 10_000 }, () => []) }
      const { flow } = reading(make(never))
      const runtime = new VirtualRuntime()
      const execution = start(flow, { runtime, epochInterval: 1000 })
      await runtime.advance({ seconds: 2 })
      const before = runtime.steps
      await runtime.advance({ seconds: 10 })
      expect((runtime.steps - before) / 10).to.be.lessThan(120)
      await runtime.run(execution.stop())
    })

    it('costs nothing while its promise is pending, and ends when stopped then', async () => {
      const { flow, sink } = reading(make<number>({ batches: [[1], () => new Promise(() => {})] }))
      const runtime = new VirtualRuntime()
      const execution = start(flow, { runtime, epochInterval: { days: 1 } })
      await runtime.advance({ seconds: 1 })
      const before = runtime.steps
      await runtime.advance({ hours: 1 })
      expect(runtime.steps - before).to.be.lessThan(5)
      expect((await runtime.run(execution.stop())).reason).to.equal('stopped')
      expect(sink.items).to.deep.equal([1])
    })

    it('keeps the others going when it ends, and when it answers by promises', async () => {
      const { flow, sink } = reading(
        make({ batches: [['a']], later: true }),
        make({ batches: Array.from({ length: 50 }, () => ['b']), later: true, every: 10 }),
      )
      const runtime = new VirtualRuntime()
      const { reason, itemsIn } = await clusterMain(flow, {
        runtime,
        workers: 1,
        epochInterval: 20,
      })
      expect({ reason, itemsIn }).to.deep.equal({ reason: 'eof', itemsIn: 51 })
      expect(sink.items.length).to.equal(51)
    })

    it('gives a batch of any size', async () => {
      const huge = Array.from({ length: 300_000 }, (_, n) => n)
      const { flow, sink } = reading(make({ batches: [huge, [], huge.values()] }))
      await runMain(flow, { runtime: new VirtualRuntime() })
      expect(sink.items.length).to.equal(600_000)
    })

    it('is read on although the wall clock goes back', async () => {
      const batches = Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? [] : [n]))
      const { flow, sink } = reading(make({ batches }))
      const runtime = new VirtualRuntime()
      const { done } = start(flow, { runtime })
      runtime.after(50, () => runtime.jump({ hours: -1 }))
      const began = runtime.monotonic()
      await runtime.run(done)
      expect(sink.items.length).to.equal(100)
      expect(runtime.monotonic() - began).to.be.lessThan(60_000)
    })
  })
}

describe('Sources', () => {
  it('may have nothing at all', async () => {
    const { flow, sink } = reading(new ScriptedSource<number>({}), new TestingSource<number>([]))
    const summary = await clusterMain(flow, { workers: 3, runtime: new VirtualRuntime() })
    expect(summary).to.deep.equal({ reason: 'eof', epoch: 2, itemsIn: 0, itemsOut: 0, skipped: 0 })
    expect(sink.items).to.deep.equal([])
  })

  it('keep the position of a partition that has vanished until it comes back', async () => {
    const store = new MemoryStore()
    const warnings: string[] = []
    const logger = {
      info: () => {},
      warn: (_: object, text: string) => warnings.push(text),
      error: () => {},
    }
    const script = (from: string): Script<string> => ({
      batches: [[`${from}1`], [`${from}2`], [`${from}3`]],
    })
    const runOf = async (names: readonly string[], batches: number) => {
      const scripts = names.map((name) => {
        const whole = script(name)
        return [name, { ...whole, batches: whole.batches.slice(0, batches) }] as const
      })
      const { flow, sink } = reading(new ScriptedSource(Object.fromEntries(scripts)))
      await runMain(flow, {
        recovery: store,
        epochInterval: 0,
        runtime: new VirtualRuntime(),
        logger,
      })
      return sink.items.sort()
    }
    expect(await runOf(['a', 'b'], 1)).to.deep.equal(['a1', 'b1'])
    expect(await runOf(['a', 'c'], 2)).to.deep.equal(['a2', 'c1', 'c2'])
    expect(warnings.join()).to.include('b of the last run')
    expect(await runOf(['a', 'b', 'c'], 3)).to.deep.equal(['a3', 'b2', 'b3', 'c3'])
  })
})
