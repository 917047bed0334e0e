import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import {
  countWindow,
  keyOn,
  statefulMap,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import { MemoryStore, TestingSink, TestingSource } from 'tidemark/testing'
import { failure } from '../support/failure.ts'
import { Folder } from '../support/folder.ts'

describe('The keys of a step', () => {
  const keys = [
    '',
    '__proto__',
    'constructor',
    '\ud800',
    '\udc00\ud800',
    'é',
    '鍵',
    '\uffff',
    '\u0000',
    '\u0000\u0000',
    '\u0000watermark',
    '\u0000\u0000watermark',
    'long'.repeat(250_000),
  ]
  const { ABORT, EOF } = TestingSource

  it('may be any text, through every change of workers and partitions', async () => {
    const folder = new Folder()
    await folder.make()
    try {
      const counts: string[] = []
      for (const [workers, partitions] of [
        [1, 3],
        [3, 2],
        [2, 5],
      ] as const) {
        const sink = new TestingSink<readonly [string, number]>()
        const flow = dataflow('any-text')
        flow
          .input('in', new TestingSource([...keys, EOF, ...keys, EOF, ...keys]))
          .pipe(
            keyOn('key', (item) => item),
            statefulMap('count', (n: number | null) => [(n ?? 0) + 1, (n ?? 0) + 1]),
          )
          .output('out', sink)
        await run(flow, { workers, recovery: { dir: folder.file('state'), partitions } })
        expect(sink.items.map(([key]) => key)).to.have.members(keys)
        counts.push([...new Set(sink.items.map(([, n]) => n))].join())
      }
      expect(counts).to.deep.equal(['1', '2', '3'])
    } finally {
      await folder.remove()
    }
  })

  it('leave the watermark of a step alone, whatever they are', async () => {
    const store = new MemoryStore()
    const minute = 60_000
    const items = [
      { user: 'k', at: 5 * minute },
      // Its row is newer than that of the watermark.
      { user: '\u0000watermark', at: 5 * minute },
      ABORT,
      { user: '\u0000watermark', at: minute },
      { user: 'k', at: minute },
    ]
    const late = new TestingSink<readonly [string, unknown]>()
    for (let runs = 0; runs < 2; runs++) {
      const flow = dataflow('windows')
      const counted = flow.input('in', new TestingSource(items)).pipe(
        watermarks('time', { timestamp: ({ at }) => at, outOfOrderness: 0 }),
        countWindow('count', {
          clock: new WatermarkClock({ timestamp: ({ at }) => at }),
          windower: new TumblingWindower({ length: minute, alignTo: 0 }),
          key: ({ user }) => user,
        }),
      )
      counted.late.output('late', late)
      counted.down.output('out', new TestingSink())
      const error = await failure(run(flow, { recovery: store, epochInterval: 0 }))
      expect(error === null).to.equal(runs === 1)
    }
    expect(late.items.map(([key]) => key)).to.have.members(['\u0000watermark', 'k'])
  })
})
