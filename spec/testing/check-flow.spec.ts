import { expect } from 'chai'
import fc from 'fast-check'
import { type Dataflow, dataflow } from 'tidemark'
import {
  foldWindow,
  keyOn,
  map,
  statefulMap,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import {
  checkFlow,
  FlowCheckError,
  minimise,
  simulate,
  TestingSink,
  TestingSource,
} from 'tidemark/testing'
import { rounds } from '../support/effort.ts'

const RUNS = rounds({ test: 10, ci: 60, torture: 1000 })

interface Reading {
  readonly id: number
  readonly key: string
  readonly at: number
}

const reading = fc.record({
  id: fc.nat({ max: 9 }),
  key: fc.constantFrom('a', 'b', 'c'),
  at: fc.integer({ min: 0, max: 20_000 }),
})
const readings: fc.Arbitrary<Reading[]> = fc.array(reading, { maxLength: 30 })

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

const counting = (): Dataflow => {
  const flow = dataflow('counting')
  flow
    .input('in', new TestingSource<Reading>([]))
    .pipe(
      keyOn('key', ({ key }) => key),
      statefulMap('count', (count: number | null, { id }) => [
        (count ?? 0) + 1,
        [id, (count ?? 0) + 1],
      ]),
    )
    .output('out', new TestingSink())
  return flow
}

/** Counts where no snapshot finds it: each execution begins at one. */
const forgetful = (): Dataflow => {
  const counts = new Map<string, number>()
  const flow = dataflow('forgetful')
  flow
    .input('in', new TestingSource<Reading>([]))
    .pipe(
      map('numbered', ({ key }) => {
        const count = (counts.get(key) ?? 0) + 1
        counts.set(key, count)
        return `${key} ${count}`
      }),
    )
    .output('out', new TestingSink())
  return flow
}

const CRASHES = { crashes: 2, within: 200 }

const lateness = { timestamp: ({ at }: Reading) => at, within: 3000 }

const windows = (outOfOrderness: number): Dataflow => {
  const clock = new WatermarkClock({ timestamp: ({ at }: Reading) => at })
  const windower = new TumblingWindower({ length: 2000, alignTo: 0 })
  const flow = dataflow('windows')
  const { down } = flow.input('in', new TestingSource<Reading>([])).pipe(
    watermarks('time', { timestamp: ({ at }) => at, outOfOrderness }),
    keyOn('key', ({ key }) => key),
    foldWindow('sum', {
      clock,
      windower,
      init: () => 0,
      fold: (sum, { id }) => sum + id,
      merge: (a, b) => a + b,
    }),
  )
  down.output('out', new TestingSink())
  return flow
}

describe('checkFlow', () => {
  it("passes a flow whose state is the engine's, through crashes and on any number of workers", () =>
    checkFlow(counting(), readings, { runs: RUNS }))

  it('finds state that a crash loses, and shows a smallest input', async () => {
    const failure = await failureOf(checkFlow(forgetful, readings, { runs: 100, faults: CRASHES }))
    expect(failure).to.be.instanceOf(FlowCheckError)
    expect((failure as Error).message)
      .to.include('step "out"')
      .and.include('"kind":"crash"')
  })

  it('passes windows that wait as long as items may be late, and not those that do not', async () => {
    await checkFlow(windows(3000), readings, { runs: RUNS, lateness })
    const failure = await failureOf(
      checkFlow(windows(0), readings, { runs: 100, lateness, faults: {} }),
    )
    expect(failure).to.be.instanceOf(FlowCheckError)
  })

  it('finds what counts on the order between partitions', async () => {
    const flow = dataflow('order')
    flow
      .input('in', new TestingSource<Reading>([]))
      .pipe(
        keyOn('key', () => 'all'),
        statefulMap('last', (last: string | null, { key }) => [key, `${last} ${key}`]),
      )
      .output('out', new TestingSink())
    const options = { runs: 100, partitionBy: ({ key }: Reading) => key, faults: {} }
    expect(await failureOf(checkFlow(flow, readings, options))).to.be.instanceOf(FlowCheckError)
  })

  it('says the same of the same seed', async () => {
    const [one, other] = await Promise.all(
      [1, 2].map(() => failureOf(checkFlow(forgetful, readings, { runs: 100, faults: CRASHES }))),
    )
    expect((one as Error).message).to.equal((other as Error).message)
  })
})

describe('minimise', () => {
  it('leaves of all faults the one that does it, and prints how to run it', async () => {
    const items = Array.from({ length: 60 }, (_, id) => id)
    const flow = (): Dataflow => {
      const made = dataflow('repeats')
      made.input('in', new TestingSource(items, { batchSize: 5 })).output('out', new TestingSink())
      return made
    }
    // A sink without positions takes an epoch again after a crash.
    const check = ({
      outputs,
    }: {
      readonly outputs: ReadonlyMap<string, readonly unknown[]>
    }): void => {
      expect(outputs.get('out')?.length).to.equal(60)
    }
    const options = { workers: 2, epochInterval: 5, check, faults: 'any' } as const
    let seed = 1
    while ((await failureOf(simulate(flow, { ...options, seed }))) === null) seed += 1
    const printed: string[] = []
    const { faults, text } = await minimise(flow, {
      ...options,
      seed,
      print: (line) => printed.push(line),
    })
    expect(printed).to.deep.equal([text])
    expect(text).to.include(`"seed": ${seed}`)
    expect((faults.events ?? []).length).to.be.lessThan(3)
    expect(await failureOf(simulate(flow, { ...options, seed, faults }))).to.have.property(
      'name',
      'AssertionError',
    )
  })

  it('refuses a seed that does not fail', async () => {
    const failure = await failureOf(minimise(counting(), { faults: {} }))
    expect((failure as Error).message).to.include('Seed 1 does not fail')
  })
})
