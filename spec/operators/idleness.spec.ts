import { expect } from 'chai'
import { DynamicSink, dataflow, type Runtime, StatelessSinkPartition, start } from 'tidemark'
import {
  collectWindow,
  keyOn,
  merge,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import { TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'

interface Item {
  readonly at: number
  readonly is: string
}

const timestamp = ({ at }: Item): number => at

/** A sink whose writes take a minute each. */
class MinuteSink extends DynamicSink<unknown> {
  readonly #runtime: Runtime
  written = 0

  constructor(runtime: Runtime) {
    super()
    this.#runtime = runtime
  }

  override build(): StatelessSinkPartition<unknown> {
    const wait = (): Promise<void> =>
      new Promise((resolve) => this.#runtime.after(60_000, () => resolve()))
    const count = (items: number): void => {
      this.written += items
    }
    return new (class extends StatelessSinkPartition<unknown> {
      override writeBatch(items: unknown[]): Promise<void> {
        count(items.length)
        return wait()
      }
    })()
  }
}

describe('A partition', () => {
  it('is not idle while its flow is blocked, so nothing of it is late afterwards', async () => {
    const runtime = new VirtualRuntime({ start: 0 })
    const flow = dataflow('blocked')
    const items = (is: string, step: number): Item[] =>
      Array.from({ length: 20_000 }, (_, n) => ({ at: n * step, is }))
    const slow = flow.input('slow', new TestingSource(items('slow', 1), { batchSize: 100 }))
    const all = flow
      .input('fast', new TestingSource(items('fast', 50), { batchSize: 100 }))
      .pipe(merge('both', slow), watermarks('time', { timestamp, idleAfter: { seconds: 5 } }))
    const blocking = new MinuteSink(runtime)
    all.output('blocks', blocking)
    const { late } = all.pipe(
      keyOn('key', ({ is }) => is),
      collectWindow('windows', {
        clock: new WatermarkClock({ timestamp }),
        windower: new TumblingWindower({ length: 1000, alignTo: 0 }),
      }),
    )
    const lates = new TestingSink()
    late.output('late', lates)
    await runtime.run(start(flow, { runtime }).done)
    expect(blocking.written).to.equal(40_000)
    // It was blocked for long: many writes, a minute each.
    expect(runtime.now()).to.be.greaterThan(5 * 60_000)
    expect(lates.items).to.deep.equal([])
  })
})
