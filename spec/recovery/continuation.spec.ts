import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import { type Dataflow, dataflow, RecoveryStore, run, start } from 'tidemark'
import {
  countWindow,
  keyOn,
  statefulMap,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import { MemoryStore, TestingSink, TestingSource } from 'tidemark/testing'
import { Folder } from '../support/folder.ts'

const { EOF } = TestingSource
const MINUTE = 60_000

interface Seen {
  readonly key: string
  readonly at: number
}

describe('A run that goes on behind another one', () => {
  it('opens windows anew that the end of input closed, and keeps what is late, on other workers', async () => {
    const store = new MemoryStore()
    const at = (minute: number): Seen[] =>
      ['a', 'b', 'c'].map((key) => ({ key, at: minute * MINUTE }))
    const items = [...at(0), ...at(1), EOF, ...at(0.5), ...at(1.5), ...at(2)]
    const given: string[][] = []
    for (const workers of [3, 2]) {
      const down = new TestingSink<readonly [string, readonly [number, number]]>()
      const late = new TestingSink<readonly [string, readonly [number, unknown]]>()
      const flow = dataflow('windows')
      const counted = flow.input('in', new TestingSource<Seen>(items)).pipe(
        watermarks('time', { timestamp: (seen) => seen.at, outOfOrderness: 0 }),
        countWindow('count', {
          clock: new WatermarkClock({ timestamp: (seen) => seen.at }),
          windower: new TumblingWindower({ length: MINUTE, alignTo: 0 }),
          key: ({ key }) => key,
        }),
      )
      counted.down.output('down', down)
      counted.late.output('late', late)
      await run(flow, { recovery: store, workers })
      given.push([
        ...down.items.map(([key, [id, n]]) => `${key} ${id}: ${n}`).sort(),
        ...late.items.map(([key, [id]]) => `${key} ${id} late`).sort(),
      ])
    }
    expect(given).to.deep.equal([
      ['a 0: 1', 'a 1: 1', 'b 0: 1', 'b 1: 1', 'c 0: 1', 'c 1: 1'],
      [
        'a 1: 1',
        'a 2: 1',
        'b 1: 1',
        'b 2: 1',
        'c 1: 1',
        'c 2: 1',
        'a 0 late',
        'b 0 late',
        'c 0 late',
      ],
    ])
  })

  it('forgets by event time what was there before its step had a ttl', async () => {
    const store = new MemoryStore()
    const items = [
      { key: 'a', at: 0 },
      { key: 'b', at: 0 },
      EOF,
      { key: 'a', at: 9 * MINUTE },
      { key: 'c', at: 12 * MINUTE },
      EOF,
      { key: 'a', at: 12 * MINUTE },
      { key: 'b', at: 12 * MINUTE },
    ]
    const sink = new TestingSink<readonly [string, number]>()
    for (const { workers, ttl } of [
      { workers: 1, ttl: {} },
      { workers: 2, ttl: { ttl: { minutes: 10 } } },
      { workers: 3, ttl: { ttl: { minutes: 10 } } },
    ]) {
      const flow = dataflow('ages')
      flow
        .input('in', new TestingSource<Seen>(items, { batchSize: 1 }))
        .pipe(
          watermarks('time', { timestamp: (seen) => seen.at, outOfOrderness: 0 }),
          keyOn('key', ({ key }) => key),
          statefulMap('count', (n: number | null) => [(n ?? 0) + 1, (n ?? 0) + 1], ttl),
        )
        .output('out', sink)
      await run(flow, { recovery: store, workers })
    }
    const of = (key: string): number[] =>
      sink.items.filter(([each]) => each === key).map(([, n]) => n)
    expect([of('a'), of('b'), of('c')]).to.deep.equal([[1, 2, 3], [1, 1], [1]])
  })

  describe('in a directory', () => {
    const folder = new Folder()
    let store: RecoveryStore

    beforeEach(async () => {
      await folder.make()
      store = await RecoveryStore.init(folder.file('state'), 2)
    })

    afterEach(() => folder.remove())

    const counting = (items: readonly unknown[], sink: TestingSink<unknown>): Dataflow => {
      const flow = dataflow('counts')
      flow
        .input('in', new TestingSource(items))
        .pipe(
          keyOn('key', (item) => String(item)),
          statefulMap('count', (n: number | null) => [(n ?? 0) + 1, (n ?? 0) + 1]),
        )
        .output('out', sink)
      return flow
    }

    it('takes each item once, though it is told to stop while it resumes', async () => {
      const keys = Array.from({ length: 5000 }, (_, at) => `k${at}`)
      const items = [...keys, EOF, ...keys]
      const sink = new TestingSink<unknown>()
      await run(counting(items, sink), { recovery: store })
      for (const turns of [0, 1, 3, 10, 30]) {
        const execution = start(counting(items, sink), { recovery: store })
        for (let turn = 0; turn < turns; turn++) await setImmediate()
        await Promise.all([execution.stop(), execution.stop(), execution.done])
      }
      await run(counting(items, sink), { recovery: store })
      expect(sink.items).to.deep.equal([
        ...keys.map((key) => [key, 1]),
        ...keys.map((key) => [key, 2]),
      ])
    })

    it('finds a state of megabytes as it was', async () => {
      const sink = new TestingSink<readonly [string, number]>()
      const long = 8 * 1024 * 1024
      for (let runs = 0; runs < 2; runs++) {
        const flow = dataflow('large')
        flow
          .input('in', new TestingSource(['x', EOF, 'y']))
          .pipe(
            keyOn('key', () => 'k'),
            statefulMap('text', (text: string | null, item) => {
              const next = (text ?? '') + item.repeat(long)
              return [next, next.lastIndexOf('x') + 1]
            }),
          )
          .output('out', sink)
        await run(flow, { recovery: store })
      }
      expect(sink.items.map(([, n]) => n)).to.deep.equal([long, long])
    })
  })
})
