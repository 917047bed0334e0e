import { expect } from 'chai'
import { dataflow, type KeyedStream, StatefulLogic, start } from 'tidemark'
import {
  branch,
  Clock,
  type ClockLogic,
  collectWindow,
  EventClock,
  joinWindow,
  keyOn,
  mapValue,
  SessionWindower,
  stateful,
  TumblingWindower,
  WatermarkClock,
  WindowLogic,
  watermarks,
  window,
} from 'tidemark/operators'
import { type Marker, TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'

interface Item {
  readonly at: number
  readonly is: string
}

const at = (seconds: number, is: string): Item => ({ at: seconds * 1000, is })
const timestamp = (item: Item): number => item.at
const pause = (seconds: number): Marker => TestingSource.PAUSE({ seconds })
const session = new SessionWindower({ gap: { seconds: 5 } })
const tumbling = new TumblingWindower({ length: { seconds: 10 }, alignTo: 0 })

/** Runs what is placed behind the items on virtual time; how many tasks that took. */
const timed = async <T>(
  items: readonly (T | Marker)[],
  place: (up: KeyedStream<T>, seconds: () => number) => void,
): Promise<number> => {
  const runtime = new VirtualRuntime({ start: 0 })
  const flow = dataflow('traps')
  place(
    flow.input('in', new TestingSource(items)).pipe(keyOn('key', () => 'k')),
    () => runtime.now() / 1000,
  )
  await runtime.run(start(flow, { runtime }).done)
  return runtime.steps
}

/** Lets each value out as it is applied. */
class Echo extends WindowLogic<Item, string, null> {
  override onValue({ is }: Item): Iterable<string> {
    return [is]
  }

  override onMerge(): Iterable<string> {
    return []
  }

  override onClose(): Iterable<string> {
    return []
  }

  override snapshot(): null {
    return null
  }
}

describe('Traps of window operators', () => {
  it('a session whose silence is exactly its gap is neither closed nor looked at over and over', async () => {
    const rows: unknown[] = []
    const clock = new EventClock({ timestamp, wait: 0 })
    const steps = await timed([at(1, 'a'), pause(60)], (up, seconds) => {
      up.pipe(
        collectWindow('windows', { clock, windower: session }),
        ({ down }) => down,
        mapValue('second', ([id]) => {
          rows.push([id, seconds()])
          return id
        }),
      ).output('out', new TestingSink())
    })
    // The first watermark past second 1 plus the gap, seen from second 1 at the start.
    expect(rows).to.deep.equal([[0, 5.001]])
    expect(steps).to.be.lessThan(2000)
  })

  it('the state of a key does not stay when its last session has closed', async () => {
    const runtime = new VirtualRuntime({ start: 0 })
    const flow = dataflow('freed')
    const items = [at(1, 'a'), pause(4), at(100, 'b'), pause(4), at(200, 'c'), pause(8)]
    flow
      .input('in', new TestingSource(items))
      .pipe(
        watermarks('time', { timestamp }),
        keyOn('key', ({ is }) => is),
        collectWindow('windows', { clock: new WatermarkClock({ timestamp }), windower: session }),
      )
      .down.output('out', new TestingSink())
    const execution = start(flow, { runtime })
    const seen: boolean[] = []
    for (const second of [2, 6]) {
      runtime.after(second * 1000, async () => {
        seen.push((await execution.query('windows', 'a')) !== undefined)
      })
    }
    await runtime.run(execution.done)
    expect(seen).to.deep.equal([true, false])
  })

  it('two sessions of a join that become one keep the first of the first, or the last of the last', async () => {
    const joined = async (insertMode: 'first' | 'last'): Promise<unknown> => {
      const sink = new TestingSink<readonly [string, readonly [number, (string | null)[]]]>()
      const windower = new SessionWindower({ gap: { seconds: 10 } })
      const clock = new EventClock({ timestamp, wait: Number.POSITIVE_INFINITY })
      await timed([at(0, 'l first'), at(20, 'l last'), at(10, 'r')], (up) => {
        const { trues, falses } = up.pipe(branch('side', ([, { is }]) => is.startsWith('l')))
        const options = { clock, windower, insertMode, ordered: false }
        joinWindow('join', [trues, falses], options)
          .down.pipe(
            mapValue('row', ([id, row]): [number, (string | null)[]] => [
              id,
              row.map((side) => side?.is ?? null),
            ]),
          )
          .output('out', sink)
      })
      return sink.items.map(([, row]) => row)
    }
    expect(await joined('first')).to.deep.equal([[0, ['l first', 'r']]])
    expect(await joined('last')).to.deep.equal([[0, ['l last', 'r']]])
  })

  it("a clock of the user's own sees the values of a join, not what they travel in", async () => {
    const seen: unknown[] = []
    class Watching extends Clock<Item, null> {
      override build(): ClockLogic<Item, null> {
        return {
          onItem: (item) => {
            seen.push(item)
            return { time: item.at, watermark: item.at }
          },
          onNotify: () => Number.NEGATIVE_INFINITY,
          onEof: () => Number.POSITIVE_INFINITY,
          notifyAt: () => null,
          snapshot: () => null,
        }
      }
    }
    const items = [at(30, 'a'), at(1, 'late')]
    const lates = new TestingSink<readonly [string, readonly [number, Item]]>()
    await timed(items, (up) => {
      const out = joinWindow('join', { only: up }, { clock: new Watching(), windower: tumbling })
      out.late.output('late', lates)
    })
    expect(seen).to.deep.equal(items)
    expect(lates.items).to.deep.equal([['k', [0, items[1]]]])
  })

  it('a notification that is called off does not come', async () => {
    const notified: number[] = []
    class Once extends StatefulLogic<number | null, never, number | null> {
      #at: number | null
      readonly #seconds: () => number

      constructor(resume: number | null, seconds: () => number) {
        super()
        this.#at = resume
        this.#seconds = seconds
      }

      override onItem(value: number | null): Iterable<never> {
        this.#at = value
        return []
      }

      override onNotify(): Iterable<never> {
        notified.push(this.#seconds())
        this.#at = null
        return []
      }

      override notifyAt(): number | null {
        return this.#at
      }

      override snapshot(): number | null {
        return this.#at
      }
    }
    await timed<number | null>(
      [5000, pause(2), null, pause(10), 15_000, pause(20)],
      (up, seconds) => {
        up.pipe(stateful('once', (resume: number | null) => new Once(resume, seconds))).output(
          'out',
          new TestingSink(),
        )
      },
    )
    expect(notified).to.deep.equal([15])
  })

  it('a value that came first does not hold up one that is due before it', async () => {
    const rows: unknown[] = []
    const clock = new EventClock({ timestamp, wait: { seconds: 10 } })
    await timed([at(9, 'later'), at(4, 'earlier'), pause(30)], (up, seconds) => {
      up.pipe(
        window('windows', { clock, windower: tumbling, logic: () => new Echo() }),
        ({ down }) => down,
        mapValue('second', ([, is]) => {
          rows.push([is, seconds()])
          return is
        }),
      ).output('out', new TestingSink())
    })
    expect(rows).to.deep.equal([
      ['earlier', 5],
      ['later', 10],
    ])
  })

  it('windows whose ends have long passed by the wall keep no idle flow busy', async () => {
    for (const clock of [
      new WatermarkClock({ timestamp }),
      new EventClock({ timestamp, wait: { hours: 1 } }),
    ]) {
      const runtime = new VirtualRuntime({ start: Date.UTC(2024, 0, 1) })
      const flow = dataflow('idle')
      flow
        .input('in', new TestingSource([at(1, 'a'), pause(1800), at(2, 'b')]))
        .pipe(
          watermarks('time', { timestamp, outOfOrderness: { hours: 1 } }),
          keyOn('key', () => 'k'),
          collectWindow('windows', { clock, windower: tumbling }),
        )
        .down.output('out', new TestingSink())
      await runtime.run(start(flow, { runtime }).done)
      expect(runtime.steps, clock.constructor.name).to.be.lessThan(2000)
    }
  })

  it('a clock that always asks for a time gone by ends with the flow, and lets an abort through', async () => {
    class Pushy extends Clock<Item, number> {
      override build(resume: number | null): ClockLogic<Item, number> {
        let watermark = resume ?? 0
        return {
          onItem: ({ at: time }) => {
            watermark = Math.max(watermark, time)
            return { time, watermark }
          },
          onNotify: () => watermark,
          onEof: () => Number.POSITIVE_INFINITY,
          notifyAt: () => 0,
          snapshot: () => watermark,
        }
      }
    }
    const flow = dataflow('pushy')
    const sink = new TestingSink()
    flow
      .input('in', new TestingSource([at(1, 'a'), pause(2), TestingSource.ABORT, at(2, 'b')]))
      .pipe(
        keyOn('key', () => 'k'),
        collectWindow('windows', { clock: new Pushy(), windower: tumbling }),
      )
      .down.output('out', sink)
    const runtime = new VirtualRuntime({ start: 0 })
    const failure = await runtime.run(
      start(flow, { runtime }).done.catch((error: unknown) => error),
    )
    expect(String(failure)).to.contain('abort')
  })
})
