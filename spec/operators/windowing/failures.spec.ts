import { expect } from 'chai'
import { type DeadLetter, dataflow, run, StepError, withPolicy } from 'tidemark'
import {
  type Clock,
  EventClock,
  foldWindow,
  keyOn,
  rolling,
  SessionWindower,
  SlidingWindower,
  TumblingWindower,
  WatermarkClock,
  type Windower,
  watermarks,
} from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'

interface Word {
  readonly at: number
  readonly is: string
}

const at = (seconds: number, is: string): Word => ({ at: seconds * 1000, is })
const timestamp = (word: Word): number => word.at

const clocks: readonly (readonly [name: string, clock: Clock<Word, unknown>])[] = [
  ['WatermarkClock', new WatermarkClock({ timestamp })],
  ['EventClock', new EventClock({ timestamp, wait: { seconds: 5 }, now: () => 0 })],
]
const windowers: readonly (readonly [name: string, windower: Windower<unknown>])[] = [
  ['tumbling', new TumblingWindower({ length: { seconds: 10 }, alignTo: 0 })],
  ['sliding', new SlidingWindower({ length: 10_000, offset: 10_000, alignTo: 0 })],
  ['session', new SessionWindower({ gap: { seconds: 4 } })],
]

/** In the first window the middle one is bad, in the second all are, the third is good again. */
const words = [at(1, 'a'), at(3, 'c'), at(2, 'bad'), at(14, 'bad'), at(26, 'd'), at(25, 'e')]

describe('A fold that throws', () => {
  for (const [clockName, clock] of clocks) {
    for (const [windowerName, windower] of windowers) {
      for (const ordered of [true, false]) {
        const flowTo = (sink: TestingSink<unknown>, batchSize: number) => {
          const flow = dataflow('failing')
          const { down, meta } = flow.input('in', new TestingSource(words, { batchSize })).pipe(
            watermarks('time', { timestamp, outOfOrderness: { seconds: 5 } }),
            keyOn('key', () => 'k'),
            foldWindow('fold', {
              clock,
              windower,
              ordered,
              init: () => '',
              fold: (text, { is }) => {
                if (is === 'bad') throw new Error('no such word')
                return text + is
              },
              merge: (into, from) => into + from,
            }),
          )
          down.output('out', sink)
          meta.output('meta', new TestingSink())
          return flow
        }
        const kind = `${ordered ? 'ordered' : 'unordered'} ${windowerName} window, ${clockName}`

        it(`stops, skips or gives the one value up as the policy says: ${kind}`, async () => {
          for (const batchSize of [1, 2, 100]) {
            const sink = new TestingSink<unknown>()
            const flow = flowTo(sink, batchSize)
            const failure = await run(flow).catch((error: unknown) => error)
            expect(failure).to.be.instanceOf(StepError)
            expect(failure).to.include({ stepId: 'failing.fold', key: 'k', item: words[2] })
            expect(String(failure)).to.match(/fold.*no such word/s)

            sink.items.length = 0
            const { skipped } = await run(flow, { onError: 'skip' })
            expect(skipped).to.equal(2)
            const texts = (sink.items as [string, [number, string]][]).map(([, [, text]]) => text)
            expect(texts).to.deep.equal(ordered ? ['ac', 'ed'] : ['ac', 'de'])

            const letters = new TestingSink<DeadLetter>()
            await run(flow, { onError: { deadLetter: letters } })
            expect(
              letters.items.map(({ stepId, callback, key, item }) => [stepId, callback, key, item]),
            ).to.deep.equal([
              ['failing.fold', 'fold', 'k', words[2]],
              ['failing.fold', 'fold', 'k', words[3]],
            ])
          }
        })
      }
    }
  }

  it('leaves every other window that closes with it as it is', async () => {
    const flow = dataflow('others')
    const sink = new TestingSink<readonly [string, readonly [number, string]]>()
    const keys = ['a', 'b', 'c', 'd']
    flow
      .input('in', new TestingSource([...keys, 'end'], { batchSize: 10 }))
      .pipe(
        watermarks('time', { timestamp: (key) => (key === 'end' ? 60_000 : 1000) }),
        keyOn('key', (key) => key),
        withPolicy(
          'skip',
          foldWindow('fold', {
            clock: new WatermarkClock<string>({
              timestamp: (key) => (key === 'end' ? 60_000 : 1000),
            }),
            windower: new TumblingWindower({ length: 10_000, alignTo: 0 }),
            init: () => '',
            fold: (text, key) => {
              if (key === 'b') throw new Error('not b')
              return text + key
            },
          }),
        ),
      )
      .down.output('out', sink)
    await run(flow)
    expect(sink.items.map(([key]) => key)).to.deep.equal(['a', 'c', 'd', 'end'])
  })
})

describe('rolling', () => {
  it('goes on behind a value on which add or remove throws', async () => {
    for (const [, clock] of clocks) {
      const flow = dataflow('rolling')
      const sink = new TestingSink<readonly [string, number]>()
      const letters = new TestingSink<DeadLetter>()
      flow
        .input(
          'in',
          new TestingSource([at(1, 'heavy'), at(2, 'bad'), at(3, 'x'), at(12, 'y'), at(14, 'z')]),
        )
        .pipe(
          watermarks('time', { timestamp }),
          keyOn('key', () => 'k'),
          rolling('sum', {
            clock,
            length: { seconds: 10 },
            init: () => 0,
            add: (sum, { is }) => {
              if (is === 'bad') throw new Error('cannot add')
              return sum + 1
            },
            remove: (sum, { is }) => {
              if (is === 'heavy') throw new Error('cannot remove')
              return sum - 1
            },
          }),
        )
        .output('out', sink)
      await run(flow, { onError: { deadLetter: letters } })
      expect(sink.items.map(([, sum]) => sum)).to.deep.equal([1, 2, 3, 3])
      expect(
        letters.items.map(({ callback, item }) => [callback, (item as Word).is]),
      ).to.deep.equal([
        ['add', 'bad'],
        ['remove', 'heavy'],
      ])
    }
  })
})
