import { expect } from 'chai'
import { DynamicSink, dataflow, StatelessSinkPartition, StepError, start } from 'tidemark'
import { MemoryStore, TestingSink, VirtualRuntime } from 'tidemark/testing'
import { PartsSource } from '../../support/parts-source.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** A store that works until its disk is full. */
const filling = () => {
  const disk = { full: false, refused: 0 }
  const store = new MemoryStore({
    fate: () => {
      if (disk.full) disk.refused += 1
      return disk.full ? 'lost' : 'done'
    },
  })
  return { disk, store }
}

describe('A store that cannot write', () => {
  it('is tried again until it can, ever less often, and then nothing is missing (S3)', async () => {
    const { disk, store } = filling()
    const sink = new TestingSink<number>()
    const flow = dataflow('full')
    const items = Array.from({ length: 300 }, (_, n) => n)
    flow.input('in', new PartsSource([items], { batchSize: 1, slow: 10 })).output('out', sink)
    const runtime = new VirtualRuntime()
    const alarms: string[] = []
    const logger = { ...quiet, error: (_: object, message: string) => alarms.push(message) }
    const execution = start(flow, { runtime, recovery: store, epochInterval: 5, logger })
    await runtime.advance(100)
    disk.full = true
    await runtime.advance({ minutes: 10 })
    expect(disk.refused).to.be.within(5, 150)
    expect(alarms.length).to.be.greaterThan(4)
    const behind = execution.metrics()
    expect(behind.epoch - behind.committed).to.be.within(1, 70)
    disk.full = false
    const { reason } = await runtime.run(execution.done)
    expect(reason).to.equal('eof')
    expect(sink.items).to.deep.equal(items)
  })

  it('does not keep a run that fails meanwhile from ending at once', async () => {
    const { disk, store } = filling()
    const runtime = new VirtualRuntime()
    let threw = 0
    const sink = new Late(() => {
      threw = runtime.now()
    })
    const flow = dataflow('failing')
    const items = Array.from({ length: 2000 }, (_, n) => n)
    flow.input('in', new PartsSource([items], { batchSize: 1, slow: 50 })).output('out', sink)
    const options = { runtime, recovery: store, epochInterval: 1000, logger: quiet }
    const execution = start(flow, options)
    await runtime.advance(1500)
    disk.full = true
    const failure = await runtime.run(execution.done).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(StepError)
    expect(disk.refused).to.be.greaterThan(5)
    expect(runtime.now() - threw).to.be.lessThan(50)
  })
})

/** Fails at the thousandth item. */
class Late extends DynamicSink<number> {
  readonly #failing: () => void

  constructor(failing: () => void) {
    super()
    this.#failing = failing
  }

  override build(): StatelessSinkPartition<number> {
    const failing = this.#failing
    return new (class extends StatelessSinkPartition<number> {
      override writeBatch(items: number[]): void {
        if (!items.includes(1000)) return
        failing()
        throw new Error('enough')
      }
    })()
  }
}
