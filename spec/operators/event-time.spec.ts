import { expect } from 'chai'
import { BuildError, dataflow, run, StepError } from 'tidemark'
import {
  asOfJoin,
  Clock,
  type ClockLogic,
  collectWindow,
  EventClock,
  foldWindow,
  inspect,
  keyOn,
  mapValue,
  merge,
  rolling,
  SystemClock,
  statefulMap,
  TumblingWindower,
  WatermarkClock,
  Windower,
  type WindowerLogic,
  WindowSpan,
  watermarks,
} from 'tidemark/operators'
import {
  type Marker,
  MemoryStore,
  TestingSink,
  TestingSource,
  VirtualRuntime,
} from 'tidemark/testing'
import { decodeState, encodeState } from '../../lib/codec/msgpack.ts'

interface Item {
  readonly at: number
  readonly is: string
}

const at = (seconds: number, is = `at ${seconds}`): Item => ({ at: seconds * 1000, is })
const timestamp = (item: Item): number => item.at
const tumbling = new TumblingWindower({ length: { seconds: 10 }, alignTo: 0 })
const names = (items: readonly Item[]): string[] => items.map(({ is }) => is)
const pause = (seconds: number): Marker => TestingSource.PAUSE({ seconds })

/** Runs windows over items on a virtual clock; what comes out, and at which second of the run. */
const timed = async (
  items: readonly (Item | Marker)[],
  clock: Clock<Item, unknown>,
  { start = 0, store = null as MemoryStore | null, sink = new TestingSink<unknown>() } = {},
) => {
  const runtime = new VirtualRuntime({ start })
  const flow = dataflow('timed')
  const { down, late } = flow.input('in', new TestingSource(items)).pipe(
    keyOn('key', () => 'k'),
    collectWindow('windows', { clock, windower: tumbling }),
  )
  const seconds = (): number => Math.round((runtime.now() - start) / 1000)
  down.pipe(mapValue('shown', ([id, all]) => [seconds(), id, names(all)])).output('down', sink)
  late.pipe(mapValue('late-shown', ([id, { is }]) => ['late', id, is])).output('late', sink)
  const done = run(flow, { runtime, ...(store === null ? {} : { recovery: store }) })
  await runtime.run(done)
  return { rows: sink.items.map((row) => (row as [string, unknown])[1]), runtime }
}

describe('EventClock', () => {
  const clock = new EventClock({ timestamp, wait: 0 })

  it('closes a window by wall time, and neither forgets it nor opens it again (D23)', async () => {
    const { rows } = await timed([at(1, 'a'), pause(60), at(2, 'b'), at(3, 'c')], clock)
    expect(rows).to.deep.equal([
      [9, 0, ['a']],
      ['late', 0, 'b'],
      ['late', 0, 'c'],
    ])
  })

  it('keeps nobody busy while it waits, however long ago its windows ended by the wall (D3)', async () => {
    const patient = new EventClock({ timestamp, wait: { hours: 1 } })
    const start = Date.UTC(2024, 0, 1)
    const { rows, runtime } = await timed([at(1, 'a'), pause(1800), at(2, 'b')], patient, { start })
    expect(rows).to.deep.equal([[1800, 0, ['a', 'b']]])
    expect(runtime.steps).to.be.lessThan(2000)
  })

  it('does not take the time a flow was down for time without values (D18)', async () => {
    const store = new MemoryStore()
    const sink = new TestingSink<unknown>()
    const items = [at(100, 'a'), TestingSource.EOF, at(101, 'b'), at(103, 'c'), at(120, 'd')]
    const waits = new EventClock({ timestamp, wait: { seconds: 5 } })
    const source = items
    await timed(source, waits, { store, sink })
    await timed(source, waits, { store, sink, start: 3_600_000 })
    const rows = sink.items.map((row) => (row as [string, unknown[]])[1])
    expect(rows.filter(([first]) => first === 'late')).to.deep.equal([])
  })
})

describe('SystemClock', () => {
  it('closes windows when the wall says so', async () => {
    const { rows } = await timed(
      [at(0, 'a'), pause(7), at(0, 'b'), pause(8), at(0, 'c')],
      new SystemClock(),
    )
    expect(rows).to.deep.equal([
      [10, 0, ['a', 'b']],
      [15, 1, ['c']],
    ])
  })
})

describe('watermarks', () => {
  const stream = (items: readonly unknown[]) =>
    dataflow('bad').input(
      'in',
      new TestingSource(items as readonly { at: number }[], { batchSize: 10 }),
    )

  it('names the step and the value where a timestamp is no time, and obeys the policy', async () => {
    for (const bad of [Number.NaN, undefined, '2024-01-01', Number.POSITIVE_INFINITY]) {
      const sink = new TestingSink<unknown>()
      const flow = dataflow('bad')
      flow
        .input(
          'in',
          new TestingSource([{ at: 1 }, { at: bad as number }, { at: 3 }], { batchSize: 9 }),
        )
        .pipe(watermarks('time', { timestamp: (item) => item.at }))
        .output('out', sink)
      const failure = await run(flow).catch((error: unknown) => error)
      expect(failure).to.be.instanceOf(StepError)
      expect(String(failure)).to.match(/bad\.time.*timestamp/s)
      expect(String(failure)).to.contain('not a time')
      const { skipped } = await run(flow, { onError: 'skip' })
      expect([skipped, sink.items]).to.deep.equal([1, [{ at: 1 }, { at: 3 }]])
    }
  })

  it('are refused behind an exchange, and with options that are none', async () => {
    const flow = dataflow('behind')
    flow
      .input('in', new TestingSource([{ at: 1 }]))
      .pipe(
        keyOn('key', () => 'k'),
        statefulMap('state', (state: number | null, item) => [state, item]),
        watermarks('time', { timestamp: ([, item]) => item.at }),
      )
      .output('out', new TestingSink())
    const failure = await Promise.resolve()
      .then(() => run(flow))
      .catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(BuildError)
    expect(String(failure)).to.match(/"time".*behind step "state"/s)
    for (const outOfOrderness of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() =>
        stream([]).pipe(watermarks('time', { timestamp: (item) => item.at, outOfOrderness })),
      ).to.throw(BuildError, 'outOfOrderness')
    }
  })

  /** When the one window of `a` closes, while `b` is silent for a minute. */
  const closing = async (options: { idleAfter?: number }, workers: number): Promise<number> => {
    const runtime = new VirtualRuntime({ start: 0 })
    const flow = dataflow('idle')
    const quiet = flow.input('b', new TestingSource([at(1, 'b'), pause(60), at(31, 'b')]))
    let closed = Number.NaN
    flow
      .input('a', new TestingSource([at(1, 'a'), pause(3), at(30, 'a'), pause(120)]))
      .pipe(
        merge('both', quiet),
        watermarks('time', { timestamp, ...options }),
        keyOn('key', ({ is }) => is),
        collectWindow('windows', { clock: new WatermarkClock({ timestamp }), windower: tumbling }),
      )
      .down.pipe(
        inspect('closed', (_, [key, [id]]) => {
          if (key === 'a' && id === 0) closed = Math.round(runtime.now() / 1000)
        }),
      )
    await runtime.run(run(flow, { runtime, workers }))
    return closed
  }

  it('wait for a partition that is silent, unless it has been idle for too long', async () => {
    for (const workers of [1, 2, 3]) {
      expect(await closing({}, workers), `${workers} workers`).to.equal(60)
      expect(await closing({ idleAfter: 5000 }, workers), `${workers} workers`).to.equal(5)
    }
  })

  it('leave a partition alone that is further ahead of the slowest than maxDrift', async () => {
    const steps = Array.from({ length: 200 }, (_, second) => second)
    const slow = steps.flatMap((second) => [at(second, 'slow'), pause(1)])
    const flow = dataflow('drift')
    const runtime = new VirtualRuntime({ start: 0 })
    const latest = { slow: 0, fast: 0 }
    let widest = 0
    const other = flow.input('slow', new TestingSource(slow))
    flow.input('fast', new TestingSource(steps.map((second) => at(second, 'fast')))).pipe(
      merge('both', other),
      watermarks('time', { timestamp, maxDrift: { seconds: 20 } }),
      inspect('drift', (_, item) => {
        latest[item.is as 'slow'] = item.at
        widest = Math.max(widest, latest.fast - latest.slow)
      }),
    )
    const { itemsIn } = await runtime.run(run(flow, { runtime }))
    expect(itemsIn).to.equal(400)
    expect(widest).to.be.within(20_000, 25_000)
  })
})

/** Time by counting: each value is a second, and nothing is ever late. */
class CountingClock extends Clock<string, number> {
  override build(resume: number | null): ClockLogic<string, number> {
    let count = resume ?? 0
    const reading = (): number => count * 1000
    return {
      onItem: () => {
        count += 1
        return { time: reading(), watermark: reading() }
      },
      onNotify: reading,
      onEof: reading,
      notifyAt: () => null,
      snapshot: () => count,
    }
  }
}

/** Windows of a word: every value is in the window of its second, alone. */
class SecondWindower extends Windower<number[]> {
  override build(resume: number[] | null): WindowerLogic<number[]> {
    let open = [...(resume ?? [])]
    return {
      openFor: (time) => {
        const id = Math.floor(time / 1000)
        open.push(id)
        return [id]
      },
      lateFor: (time) => [Math.floor(time / 1000)],
      merged: () => [],
      closeFor: (watermark) => {
        const closing = open.filter((id) => (id + 1) * 1000 <= watermark)
        open = open.filter((id) => !closing.includes(id))
        return closing.map((id) => [id, new WindowSpan(id * 1000, (id + 1) * 1000)])
      },
      notifyAt: () => (open[0] === undefined ? null : (open[0] + 1) * 1000),
      isEmpty: () => open.length === 0,
      snapshot: () => open,
    }
  }
}

describe('A clock and a windower of the user', () => {
  it('say what is in which window, and what stays open at the end', async () => {
    const flow = dataflow('own')
    const sink = new TestingSink()
    flow
      .input('in', new TestingSource(['a', 'b', 'c']))
      .pipe(
        keyOn('key', () => 'k'),
        collectWindow('windows', { clock: new CountingClock(), windower: new SecondWindower() }),
      )
      .down.output('out', sink)
    await run(flow)
    expect(sink.items).to.deep.equal([
      ['k', [1, ['a']]],
      ['k', [2, ['b']]],
    ])
  })
})

describe('Window metadata', () => {
  it('goes through the codec as it is, alone and within other state', () => {
    const span = new WindowSpan(1000, 2000, new Set([3]))
    for (const state of [span, [1, span], { zero: -0, span }]) {
      expect(decodeState(encodeState(state))).to.deep.equal(state)
    }
    const back = decodeState(encodeState(span)) as WindowSpan
    expect(back.openTime.toMillis()).to.equal(1000)
    expect(back.closeTime.toMillis()).to.equal(2000)
  })
})

describe('asOfJoin and rolling', () => {
  const clock = new WatermarkClock({ timestamp })
  const joined = async (within: number | undefined, emit: 'inner' | 'left') => {
    const flow = dataflow('as-of')
    const time = { timestamp, outOfOrderness: { seconds: 5 } }
    const quotes = flow
      .input('quotes', new TestingSource([at(1, 'q1'), at(9, 'q9'), at(5, 'q5'), at(40, 'q40')]))
      .pipe(
        watermarks('quote-time', time),
        keyOn('quote-key', () => 'k'),
      )
    const sink = new TestingSink<readonly [string, string]>()
    flow
      .input('trades', new TestingSource([at(6, 't6'), at(0.5, 't0'), at(5, 't5'), at(30, 't30')]))
      .pipe(
        watermarks('trade-time', { ...time, outOfOrderness: { seconds: 6 } }),
        keyOn('trade-key', () => 'k'),
        asOfJoin('as-of', quotes, {
          clock,
          emit,
          join: (trade, quote) => `${trade.is} ${quote?.is}`,
          ...(within === undefined ? {} : { within: { seconds: within } }),
        }),
      )
      .output('out', sink)
    await run(flow)
    return sink.items.map(([, row]) => row)
  }

  it('takes the latest that is not after, as far back as it may be', async () => {
    expect(await joined(undefined, 'left')).to.deep.equal([
      't0 undefined',
      't5 q5',
      't6 q5',
      't30 q9',
    ])
    expect(await joined(20, 'left')).to.include('t30 undefined')
    expect(await joined(20, 'inner')).to.deep.equal(['t5 q5', 't6 q5'])
  })

  it('rolls over the last length of event time, with and without taking away', async () => {
    for (const remove of [(sum: number, item: Item) => sum - item.is.length, undefined]) {
      const flow = dataflow('rolling')
      const sink = new TestingSink<readonly [string, number]>()
      flow
        .input(
          'in',
          new TestingSource([at(1, 'x'), at(3, 'xxx'), at(2, 'xx'), at(11, 'x'), at(13, 'x')]),
        )
        .pipe(
          watermarks('time', { timestamp, outOfOrderness: { seconds: 5 } }),
          keyOn('key', () => 'k'),
          rolling('sum', {
            clock,
            length: { seconds: 10 },
            init: () => 0,
            add: (sum, item) => sum + item.is.length,
            ...(remove === undefined ? {} : { remove }),
          }),
        )
        .output('out', sink)
      await run(flow)
      expect(sink.items.map(([, sum]) => sum)).to.deep.equal([1, 3, 6, 6, 2])
    }
  })
})

describe('foldWindow under a policy', () => {
  it('passes over the value whose fold throws, and names it otherwise', async () => {
    const flow = dataflow('policy')
    const sink = new TestingSink<readonly [string, [number, string]]>()
    flow
      .input('in', new TestingSource([at(1, 'a'), at(2, 'bad'), at(3, 'c')], { batchSize: 3 }))
      .pipe(
        watermarks('time', { timestamp }),
        keyOn('key', () => 'k'),
        foldWindow('fold', {
          clock: new WatermarkClock({ timestamp }),
          windower: tumbling,
          ordered: false,
          init: () => '',
          fold: (text, { is }) => {
            if (is === 'bad') throw new Error('no such word')
            return text + is
          },
          merge: (into, from) => into + from,
        }),
      )
      .down.output('out', sink)
    const failure = await run(flow).catch((error: unknown) => error)
    expect(String(failure)).to.match(/policy\.fold.*fold/s)
    sink.items.length = 0
    await run(flow, { onError: 'skip' })
    expect(sink.items).to.deep.equal([['k', [0, 'ac']]])
  })
})
