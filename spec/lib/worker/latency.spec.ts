import { expect } from 'chai'
import { type Dataflow, DynamicSink, dataflow, StatelessSinkPartition, start } from 'tidemark'
import { keyOn, mapAsync, statefulMap } from 'tidemark/operators'
import { TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import type { DurationCounts } from '../../../lib/actor/durations.ts'
import type { StepNow, WorkerFacts } from '../../../lib/worker/worker-facts.ts'

const numbers = Array.from({ length: 400 }, (_, n) => n)

/** Takes so many milliseconds for a batch. */
class SlowSink extends DynamicSink<unknown> {
  readonly #runtime: VirtualRuntime
  readonly #millis: number

  constructor(runtime: VirtualRuntime, millis: number) {
    super()
    this.#runtime = runtime
    this.#millis = millis
  }

  override build(): StatelessSinkPartition<unknown> {
    return new SlowPart(() => sleep(this.#runtime, this.#millis))
  }
}

class SlowPart extends StatelessSinkPartition<unknown> {
  readonly #rest: () => Promise<void>

  constructor(rest: () => Promise<void>) {
    super()
    this.#rest = rest
  }

  override writeBatch(): Promise<void> {
    return this.#rest()
  }
}

const sleep = (runtime: VirtualRuntime, millis: number): Promise<void> =>
  new Promise((resolve) => {
    runtime.after(millis, () => resolve())
  })

const sums = (runtime: VirtualRuntime, { call, write }: { call: number; write: number }) => {
  const flow = dataflow('sums')
  const called = flow.input('in', new TestingSource(numbers, { batchSize: 4 })).pipe(
    mapAsync('call', (n: number) => sleep(runtime, call).then(() => n), { concurrency: 4 }),
    keyOn('key', (n) => String(n % 5)),
  )
  called
    .pipe(statefulMap('sum', (sum: number | null, n) => [(sum ?? 0) + n, n] as const))
    .output('slow', new SlowSink(runtime, write))
  called.output('quick', new TestingSink())
  return flow
}

/** Every step of every worker at the end. */
const observed = async (
  flow: Dataflow,
  runtime: VirtualRuntime,
  workers: number,
): Promise<readonly StepNow[]> => {
  const execution = start(flow, { runtime, workers, epochInterval: 0 })
  await runtime.run(execution.done)
  const facts: readonly WorkerFacts[] = await execution.observe()
  return facts.flatMap(({ steps }) => steps)
}

const seen = ({ counts, sum }: DurationCounts): { count: number; mean: number } => {
  const count = counts.reduce((a, b) => a + b, 0)
  return { count, mean: sum / count }
}

describe('the latency of a flow', () => {
  for (const workers of [1, 2]) {
    it(`is what calls and writes take together, once an epoch (workers: ${workers})`, async () => {
      const runtime = new VirtualRuntime({ seed: 3 })
      const steps = await observed(sums(runtime, { call: 30, write: 200 }), runtime, workers)
      const of = (name: string): readonly DurationCounts[] =>
        steps.flatMap(({ step, latency }) => (step === name && latency !== null ? [latency] : []))
      expect(of('slow')).to.have.length(workers)
      for (const slow of of('slow').map(seen)) {
        expect(slow.count).to.be.above(3)
        expect(slow.mean).to.be.above(200)
      }
      // Nothing crosses on its way: where no partition is read, there is nothing to wait for.
      const [quick] = of('quick').map(seen)
      expect(quick?.mean).to.be.within(20, 20_000)
    })
  }

  it('is next to nothing where nobody waits', async () => {
    const runtime = new VirtualRuntime({ seed: 3 })
    const flow = dataflow('quick')
    flow.input('in', new TestingSource(numbers, { batchSize: 4 })).output('out', new TestingSink())
    const steps = await observed(flow, runtime, 1)
    const out = steps.find(({ step }) => step === 'out')
    expect(seen(out?.latency ?? { counts: [], sum: 0 }).count).to.be.above(3)
    expect(out?.latency?.sum).to.be.below(1)
  })

  it('is told of sinks only', async () => {
    const runtime = new VirtualRuntime({ seed: 3 })
    const steps = await observed(sums(runtime, { call: 1, write: 1 }), runtime, 1)
    const told = steps.filter(({ latency }) => latency !== null).map(({ step }) => step)
    expect(told).to.have.members(['slow', 'quick'])
  })
})
