import { expect } from 'chai'
import {
  type Dataflow,
  DynamicSink,
  dataflow,
  run,
  StatelessSinkPartition,
  StepError,
  start,
} from 'tidemark'
import { keyOn, map, statefulMap } from 'tidemark/operators'
import {
  clusterMain,
  MemoryStore,
  runMain,
  TestingSink,
  TestingSource,
  VirtualRuntime,
} from 'tidemark/testing'
import { Ledger, TroubledSink, TroubledSource } from '../../support/troubled.ts'

const ENTRY_POINTS: readonly (readonly [string, (flow: Dataflow) => Promise<unknown>])[] = [
  ['run', (flow) => run(flow)],
  ['runMain', (flow) => runMain(flow)],
  ['clusterMain', (flow) => clusterMain(flow, { workers: 2 })],
]

const silent = { info: () => {}, warn: () => {}, error: () => {} }

class OddlyMade extends Error {
  constructor(what: string, where: string) {
    super(`${what} in ${where}`)
    this.name = 'OddlyMade'
  }
}

const counting = (items: number, sink = new TestingSink<number>()) => {
  const flow = dataflow('counting')
  flow
    .input('in', new TestingSource(Array.from({ length: items }, (_, n) => n)))
    .pipe(map('plus', (n) => n + 1))
    .output('out', sink)
  return { flow, sink }
}

describe('A flow that is run', () => {
  for (const [name, entry] of ENTRY_POINTS) {
    it(`gives its items, by ${name} (153)`, async () => {
      const { flow, sink } = counting(3)
      await entry(flow)
      expect(new Set(sink.items)).to.deep.equal(new Set([1, 2, 3]))
    })

    it(`fails with what user code threw as the cause, by ${name} (154)`, async () => {
      const sink = new TestingSink<number>()
      const flow = dataflow('failing')
      flow
        .input('in', new TestingSource([0, 1, 2]))
        .pipe(
          map('odd', (n) => {
            if (n === 2) throw new OddlyMade('a fault', 'a mapper')
            return n
          }),
        )
        .output('out', sink)
      const failure = await entry(flow).catch((error: unknown) => error)
      expect(failure).to.be.instanceOf(StepError)
      expect((failure as StepError).cause).to.be.instanceOf(OddlyMade)
      expect(sink.items.length).to.be.lessThan(3)
    })
  }

  it('says in its failure which step, callback, item and line it was', async () => {
    const flow = dataflow('shop')
    flow
      .input('in', new TestingSource([{ user: 'ann', password: 'x' }]))
      .pipe(
        keyOn('user', (order) => order.user),
        statefulMap('total', () => {
          throw new TypeError('no price')
        }),
      )
      .output('out', new TestingSink())
    const failure = await run(flow).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(StepError)
    const { stepId, callback, key, item, message, epoch, worker } = failure as StepError
    expect({ stepId, callback, key, epoch, worker }).to.deep.equal({
      stepId: 'shop.total',
      callback: 'mapper',
      key: 'ann',
      epoch: 1,
      worker: 0,
    })
    expect(item).to.deep.equal({ user: 'ann', password: 'x' })
    expect(message).to.match(
      /^Step "shop\.total" failed in mapper for key "ann" on \{ user: "ann", password: \[redacted\] \}: TypeError: no price \(at .*execution\.spec\.ts:\d+:\d+\)$/,
    )
  })

  it('can be run twice, and twice at once', async () => {
    const { flow, sink } = counting(100)
    await run(flow)
    await Promise.all([run(flow), clusterMain(flow, { workers: 2 })])
    expect(sink.items.length).to.equal(300)
  })

  it('refuses a second run that would use the same store at once', async () => {
    const { flow } = counting(100)
    const store = new MemoryStore()
    const [first, second] = await Promise.allSettled([
      run(flow, { recovery: store }),
      run(flow, { recovery: store }),
    ])
    expect([first?.status, second?.status]).to.deep.equal(['fulfilled', 'rejected'])
  })

  it('is done after everything has been closed', async () => {
    const ledger = new Ledger({ at: 'nowhere', later: false })
    const flow = dataflow('closing')
    flow.input('in', new TroubledSource(ledger)).output('out', new TroubledSink(ledger))
    const { done } = start(flow, { workers: 2 })
    await done
    expect([...ledger.closed].sort()).to.deep.equal([...ledger.opened].sort())
    expect(ledger.opened.length).to.equal(5)
  })

  it('makes no unhandled rejection of a failure that nobody looks at', async () => {
    let unhandled = 0
    const count = (): void => {
      unhandled += 1
    }
    process.on('unhandledRejection', count)
    const ledger = new Ledger({ at: 'nextBatch', later: true })
    const flow = dataflow('unheard')
    flow.input('in', new TroubledSource(ledger)).output('out', new TroubledSink(ledger))
    const runtime = new VirtualRuntime()
    start(flow, { workers: 3, runtime, recovery: new MemoryStore(), epochInterval: 0 })
    await runtime.advance({ hours: 1 })
    process.off('unhandledRejection', count)
    expect(unhandled).to.equal(0)
    expect(ledger.closed.length).to.equal(ledger.opened.length)
  })
})

describe('A flow that is stopped', () => {
  for (const aborted of ['before it starts', 'while it runs'] as const) {
    it(`by its AbortSignal ${aborted}, ends as stopped`, async () => {
      const controller = new AbortController()
      const runtime = new VirtualRuntime()
      const flow = dataflow('endless')
      const sink = new TestingSink<number>()
      flow
        .input('in', new TestingSource([1, TestingSource.PAUSE({ days: 9999 }), 2]))
        .output('out', sink)
      if (aborted === 'before it starts') controller.abort()
      const { done } = start(flow, { runtime, signal: controller.signal })
      runtime.after(1000, () => controller.abort())
      const { reason } = await runtime.run(done)
      expect(reason).to.equal('stopped')
      expect(sink.items).to.deep.equal(aborted === 'before it starts' ? [] : [1])
    })
  }

  it('closes its epoch, so that nothing is replayed and nothing is lost', async () => {
    const store = new MemoryStore()
    const sink = new TestingSink<number>()
    const flow = dataflow('stopping')
    flow
      .input('in', new TestingSource([1, 2, TestingSource.PAUSE({ days: 1 }), 3, 4]))
      .output('out', sink)
    const runtime = new VirtualRuntime()
    const first = start(flow, { runtime, recovery: store, epochInterval: { days: 2 } })
    runtime.after(1000, () => first.stop().catch(() => {}))
    expect((await runtime.run(first.done)).reason).to.equal('stopped')
    expect(sink.items).to.deep.equal([1, 2])
    const second = start(flow, { runtime, recovery: store })
    expect((await runtime.run(second.done)).reason).to.equal('eof')
    expect(sink.items).to.deep.equal([1, 2, 3, 4])
  })

  it('writes what a slow sink still owes before it is done', async () => {
    const runtime = new VirtualRuntime()
    const items: number[] = []
    const flow = dataflow('owing')
    const source = new TestingSource(Array.from({ length: 100 }, (_, n) => n))
    flow.input('in', source).output('out', new Slow(runtime, items))
    const execution = start(flow, { runtime, epochInterval: 10 })
    runtime.after(50, () => execution.stop().catch(() => {}))
    const { itemsIn, itemsOut } = await runtime.run(execution.done)
    expect(items.length).to.equal(itemsIn)
    expect(itemsOut).to.equal(itemsIn)
  })

  it('tells its sinks, on every worker, so that a write need not wait for ever', async () => {
    const runtime = new VirtualRuntime()
    const flow = dataflow('waiting')
    const source = new TestingSource([1, TestingSource.PAUSE({ days: 9999 }), 2])
    const sink = new Waiting(runtime)
    flow.input('in', source).output('out', sink)
    const execution = start(flow, { runtime, workers: 2, logger: silent })
    runtime.after(1000, () => execution.stop().catch(() => {}))
    const failure = await runtime.run(execution.done).then(
      () => null,
      (error: unknown) => error,
    )
    expect(String(failure)).to.include('the destination is away')
    expect(sink.told.sort()).to.deep.equal([0, 1])
  })

  it('may be asked to stop again and again', async () => {
    const { flow } = counting(10)
    const execution = start(flow)
    const all = await Promise.all([
      execution.stop(),
      execution.stop({ drain: true }),
      execution.done,
    ])
    expect(new Set(all.map(({ reason }) => reason))).to.deep.equal(new Set(['stopped']))
    expect((await execution.stop()).reason).to.equal('stopped')
  })
})

/** Writes nothing: a write lasts until the flow is to stop, and a while more, and fails. */
class Waiting extends DynamicSink<number> {
  readonly told: number[] = []
  readonly #runtime: VirtualRuntime

  constructor(runtime: VirtualRuntime) {
    super()
    this.#runtime = runtime
  }

  override build(_stepId: string, worker: number): StatelessSinkPartition<number> {
    return new WaitingPartition((giveUp) => {
      this.told.push(worker)
      this.#runtime.after(1000, giveUp)
    })
  }
}

class WaitingPartition extends StatelessSinkPartition<number> {
  readonly #told: (giveUp: () => void) => void
  #giveUp: (error: Error) => void = () => {}

  constructor(told: (giveUp: () => void) => void) {
    super()
    this.#told = told
  }

  override writeBatch(): Promise<void> {
    return new Promise((_, reject) => {
      this.#giveUp = reject
    })
  }

  override stopping(): void {
    this.#told(() => this.#giveUp(new Error('the destination is away')))
  }
}

class Slow extends DynamicSink<number> {
  readonly #runtime: VirtualRuntime
  readonly #items: number[]

  constructor(runtime: VirtualRuntime, items: number[]) {
    super()
    this.#runtime = runtime
    this.#items = items
  }

  override build(): StatelessSinkPartition<number> {
    const [runtime, all] = [this.#runtime, this.#items]
    return new (class extends StatelessSinkPartition<number> {
      override async writeBatch(items: number[]): Promise<void> {
        await new Promise<void>((resolve) => runtime.after(100, resolve))
        all.push(...items)
      }
    })()
  }
}
