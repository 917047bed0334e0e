import { expect } from 'chai'
import { ConnectorError, type Dataflow, dataflow, RecoveryError, run, start } from 'tidemark'
import { keyOn } from 'tidemark/operators'
import { MemoryStore, simulate, TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { type Call, type Mishap, Outside, OutsideWriteAheadSink } from '../../support/outside.ts'
import { PartsSource } from '../../support/parts-source.ts'

const numbersTo = (length: number): number[] => Array.from({ length }, (_, at) => at)
const NUMBERS = numbersTo(12)

const flowOf = (
  outside: Outside<number>,
  { numbers = NUMBERS, stageBytes = 1024 * 1024 } = {},
): Dataflow => {
  const flow = dataflow('orders')
  flow
    .input('in', new TestingSource(numbers, { batchSize: 2 }))
    .output('out', new OutsideWriteAheadSink(outside, stageBytes))
  return flow
}

const once = (name: string, nth: number, mishap: Mishap) => {
  let seen = 0
  return (call: Call): Mishap => {
    if (call.name !== name) return 'none'
    seen += 1
    return seen === nth ? mishap : 'none'
  }
}

const silent = { info: () => {}, warn: () => {}, error: () => {} }

/** Away until told otherwise. */
class Weather {
  away = true
  readonly mishap = (): Mishap => (this.away ? 'away' : 'none')
}

describe('a write-ahead sink', () => {
  for (const recovery of [true, false]) {
    it(`has delivered everything, in order, when done resolves ${recovery ? 'with' : 'without'} recovery`, async () => {
      const outside = new Outside<number>()
      await run(flowOf(outside), {
        epochInterval: 0,
        ...(recovery ? { recovery: new MemoryStore() } : {}),
      })
      expect(outside.items).to.deep.equal(NUMBERS)
      const epochs = outside.rows.map(({ epoch }) => epoch)
      expect(epochs).to.deep.equal([...epochs].sort((a, b) => a - b))
    })
  }

  for (const name of ['build', 'fence', 'delivered', 'deliver']) {
    for (const mishap of ['dieBefore', 'dieAfter', 'away', 'mute'] as const) {
      for (const nth of [1, 3, 18]) {
        it(`delivers each item once through "${mishap}" at ${name} ${nth}`, async () => {
          const outside = new Outside<number>(once(name, nth, mishap), { naive: true })
          await simulate(() => flowOf(outside), {
            epochInterval: 0,
            workers: [2, 3, 1],
            faults: {},
          })
          expect(outside.items).to.deep.equal(NUMBERS)
        })
      }
    }
  }

  it('delivers once where a late call arrives after the next execution has fenced it off', async () => {
    const calls = [once('deliver', 2, 'late'), once('delivered', 2, 'dieBefore')]
    const outside = new Outside<number>((call) => {
      const struck = calls.map((mishap) => mishap(call)).find((mishap) => mishap !== 'none')
      return struck ?? 'none'
    })
    await simulate(() => flowOf(outside), { epochInterval: 0, faults: {} })
    expect(outside.items).to.deep.equal(NUMBERS)
  })

  it('lets the flow go on while the destination is away', async () => {
    const weather = new Weather()
    const outside = new Outside<number>(weather.mishap)
    const runtime = new VirtualRuntime({ seed: 1 })
    const execution = start(flowOf(outside), { epochInterval: 0, runtime, logger: silent })
    let taken = 0
    runtime.after(3_600_000, () => {
      taken = execution.metrics().itemsOut
      weather.away = false
    })
    await runtime.run(execution.done)
    expect(taken).to.equal(NUMBERS.length)
    expect(outside.items).to.deep.equal(NUMBERS)
  })

  it('holds only its source back when the stage is full, and goes on when there is room', async () => {
    const weather = new Weather()
    const outside = new Outside<number>(weather.mishap)
    const runtime = new VirtualRuntime({ seed: 2 })
    const held = new PartsSource([numbersTo(20_000)])
    const free = new TestingSink<number>()
    const flow = dataflow('orders')
    flow.input('held', held).output('out', new OutsideWriteAheadSink(outside, 4000))
    flow.input('other', new TestingSource(numbersTo(20_000), { batchSize: 3 })).output('free', free)
    const execution = start(flow, {
      epochInterval: 5,
      recovery: new MemoryStore(),
      runtime,
      logger: silent,
    })
    let polled = 0
    let passed = 0
    runtime.after(3_600_000, () => {
      polled = held.polled
      passed = free.items.length
      weather.away = false
    })
    await runtime.run(execution.done)
    expect(polled).to.be.lessThan(10_000)
    expect(passed).to.equal(20_000)
    expect(outside.items).to.deep.equal(numbersTo(20_000))
  })

  it('asks for the end of an epoch that takes too much of the stage', async () => {
    const outside = new Outside<number>()
    const numbers = numbersTo(20_000)
    await run(flowOf(outside, { numbers, stageBytes: 8000 }), { epochInterval: { hours: 1 } })
    expect(outside.items).to.deep.equal(numbers)
    expect(new Set(outside.rows.map(({ epoch }) => epoch)).size).to.be.greaterThan(3)
  })

  it('delivers after an outage of any length, through any number of runs and of workers', async () => {
    const weather = new Weather()
    const outside = new Outside<readonly [string, number]>(weather.mishap)
    const store = new MemoryStore({ partitions: 3 })
    const numbers = numbersTo(300)
    const items = numbers.flatMap((at) => (at % 3 === 0 ? [TestingSource.PAUSE(1), at] : [at]))
    const flow = dataflow('orders')
    flow
      .input('in', new TestingSource<number>(items))
      .pipe(keyOn('key', (item) => `k${item % 7}`))
      .output('out', new OutsideWriteAheadSink(outside))
    for (const workers of [5, 1, 3]) {
      const runtime = new VirtualRuntime({ seed: workers })
      const options = { epochInterval: 5, recovery: store, runtime, workers, logger: silent }
      const execution = start(flow, options)
      runtime.after(25, () => void execution.stop())
      const { reason, itemsIn } = await runtime.run(execution.done)
      expect({ reason, read: itemsIn > 10 }).to.deep.equal({ reason: 'stopped', read: true })
      expect(outside.rows).to.have.length(0)
    }
    weather.away = false
    await run(flow, { recovery: store, workers: 2 })
    expect(outside.rows).to.have.length(300)
    for (let key = 0; key < 7; key++) {
      const values = outside.items.filter(([name]) => name === `k${key}`).map(([, item]) => item)
      expect(values, `k${key}`).to.deep.equal(numbers.filter((item) => item % 7 === key))
    }
  })

  it('stops during an outage when a store keeps what waits, and tells so', async () => {
    const weather = new Weather()
    const outside = new Outside<number>(weather.mishap)
    const store = new MemoryStore()
    const messages: string[] = []
    const logger = {
      info: () => {},
      warn: (_: object, message: string) => messages.push(message),
      error: () => {},
    }
    const runtime = new VirtualRuntime({ seed: 1 })
    const execution = start(flowOf(outside), { epochInterval: 5, recovery: store, runtime, logger })
    runtime.after(10_000, () => void execution.stop())
    await runtime.run(execution.done)
    expect(outside.items).to.deep.equal([])
    expect(messages.join()).to.include('the destination is away')
    weather.away = false
    await run(flowOf(outside), { recovery: store })
    expect(outside.items).to.deep.equal(NUMBERS)
  })

  it('refuses a destination that has more than its store knows of', async () => {
    const outside = new Outside<number>()
    outside.fence('0', 0)
    outside.deliver({ slot: '0', execution: 0, epoch: 57 }, [])
    const failure = await run(flowOf(outside), { recovery: new MemoryStore() }).catch(
      (error: unknown) => error,
    )
    expect(failure).to.be.instanceOf(ConnectorError)
    expect(String(failure)).to.include('has epoch 57 of slot 0').and.include('resumes at epoch 1')
  })

  it('names the step of an item that cannot be staged', async () => {
    const outside = new Outside<() => void>()
    const flow = dataflow('orders')
    flow
      .input('in', new TestingSource([() => {}]))
      .output('out', new OutsideWriteAheadSink(outside))
    const failure = await run(flow).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(RecoveryError)
    expect(String(failure)).to.include('Step "orders.out" can\'t stage an item')
  })

  it('carries large items and many of them through a store', async () => {
    const outside = new Outside<string>((call) => (call.execution === 0 ? 'away' : 'none'))
    const items = numbersTo(60).map((at) => String(at).repeat(at === 7 ? 300_000 : 3000))
    const store = new MemoryStore({ partitions: 2 })
    const flow = dataflow('orders')
    flow
      .input('in', new TestingSource(items, { batchSize: 5 }))
      .output('out', new OutsideWriteAheadSink(outside, 10_000_000))
    const runtime = new VirtualRuntime({ seed: 1 })
    const execution = start(flow, { epochInterval: 5, recovery: store, runtime, logger: silent })
    runtime.after(10_000, () => void execution.stop())
    await runtime.run(execution.done)
    expect(outside.rows).to.have.length(0)
    await run(flow, { recovery: store })
    expect(outside.items.map((item) => item.length)).to.deep.equal(items.map((item) => item.length))
    expect(outside.items).to.deep.equal(items)
  })
})
