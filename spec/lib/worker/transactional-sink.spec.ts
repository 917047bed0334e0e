import { expect } from 'chai'
import { ConnectorError, type Dataflow, dataflow, run, start } from 'tidemark'
import { keyOn } from 'tidemark/operators'
import { type Marker, MemoryStore, simulate, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { type Call, type Mishap, Outside, OutsideTransactionalSink } from '../../support/outside.ts'

const NUMBERS = Array.from({ length: 12 }, (_, at) => at)

/** An item every 100 ms, so that each has an epoch of its own. */
const PACED = NUMBERS.flatMap((number) => [number, TestingSource.PAUSE(100)])

const flowOf = (outside: Outside<number>, items: Iterable<number | Marker> = NUMBERS): Dataflow => {
  const flow = dataflow('orders')
  flow
    .input('in', new TestingSource<number>(items, { batchSize: 2 }))
    .output('out', new OutsideTransactionalSink(outside))
  return flow
}

/** Strikes at the nth call of a name, once. */
const once = (name: string, nth: number, mishap: Mishap) => {
  let seen = 0
  return (call: Call): Mishap => {
    if (call.name !== name) return 'none'
    seen += 1
    return seen === nth ? mishap : 'none'
  }
}

const silent = { info: () => {}, warn: () => {}, error: () => {} }

const epochsOf = (outside: Outside<unknown>): number[] => outside.rows.map(({ epoch }) => epoch)

describe('a transactional sink', () => {
  for (const recovery of [true, false]) {
    it(`has published everything, epoch by epoch, when done resolves ${recovery ? 'with' : 'without'} recovery`, async () => {
      const outside = new Outside<number>()
      await run(flowOf(outside), {
        epochInterval: 0,
        ...(recovery ? { recovery: new MemoryStore() } : {}),
      })
      expect(outside.items).to.deep.equal(NUMBERS)
      expect(new Set(epochsOf(outside)).size).to.be.greaterThan(2)
      expect(outside.stagedEpochs).to.deep.equal([])
    })
  }

  it('publishes what was taken when the flow is stopped, and goes on behind it', async () => {
    const outside = new Outside<number>()
    const store = new MemoryStore()
    const runtime = new VirtualRuntime({ seed: 3 })
    const execution = start(flowOf(outside, PACED), {
      epochInterval: 5,
      recovery: store,
      runtime,
    })
    runtime.after(450, () => void execution.stop())
    const { reason, itemsIn } = await runtime.run(execution.done)
    expect(reason).to.equal('stopped')
    expect(itemsIn).to.be.greaterThan(0).and.lessThan(NUMBERS.length)
    expect(outside.items).to.deep.equal(NUMBERS.slice(0, itemsIn))
    await run(flowOf(outside), { recovery: store })
    expect(outside.items).to.deep.equal(NUMBERS)
  })

  for (const name of ['build', 'prepare', 'commit']) {
    for (const mishap of ['dieBefore', 'dieAfter'] as const) {
      for (const nth of [1, 2, 20]) {
        it(`publishes each item once through a death ${mishap === 'dieBefore' ? 'before' : 'after'} ${name} ${nth}`, async () => {
          const outside = new Outside<number>(once(name, nth, mishap))
          await simulate(() => flowOf(outside), {
            epochInterval: 0,
            workers: [2, 3, 1],
            faults: {},
          })
          expect(outside.items).to.deep.equal(NUMBERS)
          expect(outside.stagedEpochs).to.deep.equal([])
        })
      }
    }
  }

  it('publishes what was prepared before an outage that the run did not survive', async () => {
    let away = true
    let commits = 0
    const outside = new Outside<number>(({ name }) => {
      if (name !== 'commit' || !away) return 'none'
      commits += 1
      if (commits < 4) return 'away'
      away = false
      return 'dieBefore'
    })
    const { executions } = await simulate(() => flowOf(outside, PACED), {
      epochInterval: 0,
      faults: {},
    })
    expect(executions.map(({ outcome }) => outcome)).to.deep.equal(['aborted', 'ended'])
    expect(outside.items).to.deep.equal(NUMBERS)
  })

  it('does not commit again what an earlier run is known to have committed', async () => {
    const outside = new Outside<number>()
    const store = new MemoryStore()
    const runs = [flowOf(outside, PACED), flowOf(outside, PACED)]
    for (const flow of runs) {
      const runtime = new VirtualRuntime({ seed: 1 })
      await runtime.run(run(flow, { epochInterval: 5, recovery: store, runtime }))
    }
    const commits = (execution: number): number =>
      outside.calls.filter((call) => call.name === 'commit' && call.execution === execution).length
    expect(commits(0)).to.equal(NUMBERS.length)
    expect(commits(1)).to.be.lessThan(3)
  })

  it('does not hold the flow up while a commit is under way', async () => {
    let away = true
    const outside = new Outside<number>(({ name }) => (name === 'commit' && away ? 'away' : 'none'))
    const runtime = new VirtualRuntime({ seed: 1 })
    const execution = start(flowOf(outside), { epochInterval: 0, runtime, logger: silent })
    let taken = 0
    runtime.after(30_000, () => {
      taken = execution.metrics().itemsOut
      away = false
    })
    await runtime.run(execution.done)
    expect(taken).to.equal(NUMBERS.length)
    expect(outside.items).to.deep.equal(NUMBERS)
  })

  it('holds the source back when too many epochs wait for their commit', async () => {
    let away = true
    const outside = new Outside<number>(({ name }) => (name === 'commit' && away ? 'away' : 'none'))
    const runtime = new VirtualRuntime({ seed: 1 })
    const numbers = Array.from({ length: 40_000 }, (_, at) => at)
    const flow = dataflow('orders')
    flow
      .input('in', new TestingSource(numbers, { batchSize: 10 }))
      .output('out', new OutsideTransactionalSink(outside))
    const execution = start(flow, { epochInterval: 0, runtime, logger: silent })
    let taken = 0
    runtime.after(600_000, () => {
      taken = execution.metrics().itemsOut
      away = false
    })
    await runtime.run(execution.done)
    expect(taken).to.be.lessThan(2000)
    expect(outside.items).to.deep.equal(numbers)
  })

  it('forgets what it staged when a run that keeps nothing fails', async () => {
    const outside = new Outside<number>()
    const items = [...NUMBERS.slice(0, 6), TestingSource.ABORT, ...NUMBERS.slice(6)]
    const failing = run(flowOf(outside, items), { epochInterval: 60_000 })
    await failing.catch(() => {})
    expect(outside.items.length).to.be.lessThan(NUMBERS.length)
    expect(outside.stagedEpochs).to.deep.equal([])
  })

  it('fails the run with what the destination refuses for good', async () => {
    const outside = new Outside<number>()
    outside.fence('0', 9)
    const failure = await run(flowOf(outside)).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(ConnectorError)
    expect(outside.items).to.deep.equal([])
  })

  it('shuts an older execution out of its slots', async () => {
    const outside = new Outside<number>()
    await run(flowOf(outside), { recovery: new MemoryStore() })
    outside.fence('0', 7)
    expect(() => outside.stage({ slot: '0', execution: 0, epoch: 99 }, [1])).to.throw(
      'no longer written by execution 0',
    )
  })

  it('keeps a key in its slot whatever the number of workers', async () => {
    const slots = new Map<string, Set<string>>()
    for (const workers of [1, 2, 5, 20]) {
      const outside = new Outside<readonly [string, number]>()
      const flow = dataflow('orders')
      flow
        .input('in', new TestingSource(NUMBERS))
        .pipe(keyOn('key', (item) => `k${item}`))
        .output('out', new OutsideTransactionalSink(outside))
      await run(flow, { workers })
      expect(outside.rows).to.have.length(NUMBERS.length)
      for (const { slot, item } of outside.rows) {
        slots.set(item[0], (slots.get(item[0]) ?? new Set()).add(slot))
      }
    }
    for (const [key, used] of slots) expect([...used], key).to.have.length(1)
  })
})
