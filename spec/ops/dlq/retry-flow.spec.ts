import { expect } from 'chai'
import {
  BuildError,
  type Dataflow,
  type DeadLetter,
  dataflow,
  FixedPartitionedSource,
  run,
  StatefulSourcePartition,
  start,
  withPolicy,
} from 'tidemark'
import {
  collectWindow,
  keyOn,
  map,
  mapAsync,
  mapValue,
  merge,
  statefulMap,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import { MemoryStore, TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { type RetryItem, retryFlow, statefulBehind } from '../../../ops/dlq/retry-flow.ts'

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Gives back what failed, over the store if there is one. */
const retry = async (
  flow: Dataflow,
  letters: readonly DeadLetter[],
  recovery: MemoryStore | null = null,
): Promise<readonly DeadLetter[]> => {
  const items: RetryItem[] = letters.map(({ stepId, key, input = 0, item }) => ({
    step: stepId.slice(stepId.indexOf('.') + 1),
    key,
    input,
    item,
  }))
  const again = new TestingSink<DeadLetter>()
  const ends = { stop: (): void => {} }
  const whole = recovery !== null
  const through = (): void => ends.stop()
  const retried = retryFlow(flow, { items, whole, deadLetter: again, through })
  const runtime = new VirtualRuntime()
  const execution = start(retried, {
    runtime,
    logger: QUIET,
    epochInterval: { days: 1 },
    onError: { deadLetter: again },
    ...(recovery === null ? {} : { recovery }),
  })
  ends.stop = () => void execution.stop({ drain: !whole }).catch(() => {})
  await runtime.run(execution.done)
  return again.items
}

/** User code that refuses threes until it is mended. */
class Code {
  mended = false
  check = (n: number): number => {
    if (n === 3 && !this.mended) throw new RangeError('no threes')
    return n
  }
}

const MOST_LOOKS = 200_000

const until = async (reached: () => boolean): Promise<void> => {
  for (let looks = 0; !reached(); looks++) {
    if (looks === MOST_LOOKS) throw new Error('it did not come to that')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Gives what there is, and waits for more; knows from where it was opened. */
class Held extends FixedPartitionedSource<number, number> {
  readonly items: number[]
  readonly resumed: (number | null)[] = []

  constructor(items: readonly number[]) {
    super()
    this.items = [...items]
  }

  override listParts(): string[] {
    return ['only']
  }

  override buildPart(_step: string, _part: string, resume: number | null) {
    this.resumed.push(resume)
    const { items } = this
    let next = resume ?? 0
    return new (class extends StatefulSourcePartition<number, number> {
      override nextBatch(): number[] {
        const batch = items.slice(next)
        next = items.length
        return batch
      }
      override snapshot(): number {
        return next
      }
    })()
  }
}

describe('a retry of dead letters', () => {
  it('runs what lies behind the failed step, and nothing before it or beside it', async () => {
    const code = new Code()
    const [dead, out, beside] = [
      new TestingSink<DeadLetter>(),
      new TestingSink<string>(),
      new TestingSink<number>(),
    ]
    const flow = dataflow('retried')
    const numbers = flow
      .input('in', new TestingSource([1, 2, 3, 4]))
      .pipe(map('tenfold', (n) => n * 1))
    numbers.output('beside', beside)
    numbers
      .pipe(
        withPolicy({ deadLetter: dead }, map('check', code.check)),
        map('text', (n) => `n${n}`),
      )
      .output('out', out)
    await run(flow)
    code.mended = true
    expect(await retry(flow, dead.items)).to.deep.equal([])
    expect(out.items).to.deep.equal(['n1', 'n2', 'n4', 'n3'])
    expect(beside.items).to.have.length(4)
  })

  it('gives items back as each kind of step takes them: values of keys, pairs, and by side', async () => {
    const code = new Code()
    const dead = new TestingSink<DeadLetter>()
    const out = new TestingSink<unknown>()
    const flow = dataflow('retried')
    const keyed = flow.input('in', new TestingSource([3, 5])).pipe(keyOn('key', (n) => `k${n}`))
    const values = keyed.pipe(mapValue('value', code.check))
    const awaited = keyed.pipe(
      mapAsync('await', async ([key, n]) => [key, code.check(n)] as const, { concurrency: 1 }),
    )
    values.pipe(merge('both', awaited)).output('out', out)
    await run(flow, { onError: { deadLetter: dead } })
    expect(dead.items).to.have.length(2)
    code.mended = true
    expect(await retry(flow, dead.items)).to.deep.equal([])
    expect(out.items.slice(2)).to.have.deep.members([
      ['k3', 3],
      ['k3', 3],
    ])
  })

  it('keeps apart what fails again', async () => {
    const code = new Code()
    const dead = new TestingSink<DeadLetter>()
    const out = new TestingSink<number>()
    const flow = dataflow('retried')
    flow
      .input('in', new TestingSource([3, 1]))
      .pipe(withPolicy({ deadLetter: dead }, map('check', code.check)))
      .output('out', out)
    await run(flow)
    const again = await retry(flow, dead.items)
    expect(again.map(({ item, stepId }) => [item, stepId])).to.deep.equal([[3, 'retried.check']])
    expect(dead.items).to.have.length(1)
    expect(out.items).to.deep.equal([1])
  })

  it('goes on from the state in the store, moves no source on, and leaves windows open', async () => {
    const code = new Code()
    const dead = new TestingSink<DeadLetter>()
    const [sums, windows] = [new TestingSink<unknown>(), new TestingSink<unknown>()]
    const recovery = new MemoryStore()
    const source = new Held([1, 2, 3, 4])
    const flow = dataflow('retried')
    const checked = flow.input('in', source).pipe(
      watermarks('times', { timestamp: (n) => n * 1000, outOfOrderness: 5000 }),
      withPolicy({ deadLetter: dead }, map('check', code.check)),
      keyOn('key', () => 'k'),
    )
    checked
      .pipe(statefulMap('sum', (sum: number | null, n: number) => [(sum ?? 0) + n, (sum ?? 0) + n]))
      .output('sums', sums)
    checked
      .pipe(
        collectWindow('window', {
          clock: new WatermarkClock({ timestamp: (n: number) => n * 1000 }),
          windower: new TumblingWindower({ length: 10_000, alignTo: 0 }),
        }),
      )
      .down.output('windows', windows)
    const first = start(flow, { recovery, logger: QUIET })
    await until(() => sums.items.length === 3)
    await first.stop()
    expect(windows.items).to.deep.equal([])
    code.mended = true
    expect(await retry(flow, dead.items, recovery)).to.deep.equal([])
    expect(sums.items.at(-1)).to.deep.equal(['k', 10])
    expect(windows.items).to.deep.equal([])
    source.items.push(50)
    const second = start(flow, { recovery, logger: QUIET })
    await until(() => windows.items.length === 1)
    await second.stop()
    expect(sums.items.at(-1)).to.deep.equal(['k', 60])
    expect(windows.items[0]).to.deep.equal(['k', [0, [1, 2, 3, 4]]])
  })

  it('keeps the positions of sources that it does not read', async () => {
    const source = new Held([1, 2, 3, 4, 5])
    const out = new TestingSink<number>()
    const recovery = new MemoryStore()
    const flow = dataflow('retried')
    flow
      .input('in', source)
      .pipe(map('m', (n) => n))
      .output('out', out)
    const through = async (count: number): Promise<void> => {
      const execution = start(flow, { recovery, logger: QUIET })
      await until(() => out.items.length >= count)
      await execution.stop()
    }
    await through(5)
    const letter: DeadLetter = {
      stepId: 'retried.m',
      callback: 'mapper',
      item: 7,
      worker: 0,
      epoch: 1,
      time: 0,
      error: null,
    }
    await retry(flow, [letter], recovery)
    expect(out.items).to.deep.equal([1, 2, 3, 4, 5, 7])
    expect(source.resumed).to.deep.equal([null])
    await through(6)
    expect(source.resumed).to.deep.equal([null, 5])
  })

  it('says which step is no longer there, and which steps behind one keep something', () => {
    const flow = dataflow('retried')
    flow
      .input('in', new TestingSource([1]))
      .pipe(
        map('first', (n) => n),
        keyOn('key', String),
        statefulMap('sum', (sum: number | null, n: number) => [(sum ?? 0) + n, n]),
        map('last', ([, n]) => n),
      )
      .output('out', new TestingSink())
    const item = (step: string): RetryItem => ({ step, input: 0, key: undefined, item: 1 })
    expect(statefulBehind(flow, [item('first')])).to.deep.equal(['sum'])
    expect(statefulBehind(flow, [item('last')])).to.deep.equal([])
    expect(() => statefulBehind(flow, [item('gone')])).to.throw(BuildError, /no step "gone"/)
  })
})
