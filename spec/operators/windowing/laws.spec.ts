import { expect } from 'chai'
import fc from 'fast-check'
import { EventClock } from '../../../operators/windowing/event-clock.ts'
import { SessionWindower } from '../../../operators/windowing/session-windower.ts'
import { SlidingWindower } from '../../../operators/windowing/sliding-windower.ts'
import { TumblingWindower } from '../../../operators/windowing/tumbling-windower.ts'
import type { Windower } from '../../../operators/windowing/windower.ts'
import { at, lists, type Timed, timestamp, World } from './worlds.ts'

/** Values of one key in batches; each value is its place in the input, so equal times differ. */
const batches = fc
  .array(fc.array(fc.integer({ min: -40, max: 60 }), { maxLength: 8 }), { maxLength: 12 })
  .map((times) => {
    let place = 0
    return times.map((batch) => batch.map((time) => at(time, place++)))
  })

const wait = fc.integer({ min: 0, max: 30 })

/** What a window holds: the places of its values, by their time or as they came. */
type Contents = readonly unknown[]

interface Expected {
  readonly onTime: readonly Timed[]
  readonly late: readonly Timed[]
}

/** Late is what lies behind the highest time so far, itself included, less `wait`. */
const judged = (values: readonly Timed[], waited: number): Expected => {
  let watermark = Number.NEGATIVE_INFINITY
  const onTime: Timed[] = []
  const late: Timed[] = []
  for (const value of values) {
    watermark = Math.max(watermark, value.at - waited)
    if (value.at < watermark) late.push(value)
    else onTime.push(value)
  }
  return { onTime, late }
}

const byTime = (values: readonly Timed[]): Timed[] => [...values].sort((a, b) => a.at - b.at)

const places = (values: readonly Timed[]): Contents => values.map(({ is }) => is)

const run = (windower: Windower<unknown>, input: Timed[][], options: RunOptions): World => {
  const clock = new EventClock<Timed>({ timestamp, wait: options.wait * 1000 })
  const world = new World({ clock, windower, logic: lists, ordered: options.ordered })
  for (const batch of input) {
    world.batch(...batch)
    if (options.resumes) world.resume()
  }
  return world.end()
}

interface RunOptions {
  readonly wait: number
  readonly ordered: boolean
  readonly resumes: boolean
}

const options = fc.record({ wait, ordered: fc.boolean(), resumes: fc.boolean() })

/** Contents by window id, worked out from the definition of windows alone. */
const gridContents = (values: readonly Timed[], length: number, offset: number) => {
  const windows = new Map<number, Contents>()
  for (let id = -60; id <= 80; id++) {
    const inside = values.filter((v) => v.at >= id * offset && v.at < id * offset + length)
    if (inside.length > 0) windows.set(id, places(inside))
  }
  return windows
}

const sessionContents = (values: readonly Timed[], gap: number): Contents[] => {
  const sessions: Timed[][] = []
  let last = Number.NEGATIVE_INFINITY
  for (const value of byTime(values)) {
    if (value.at - last > gap) sessions.push([])
    sessions.at(-1)?.push(value)
    last = value.at
  }
  return sessions.map(places)
}

const asNumbers = (contents: Contents): number[] => contents.map(Number).sort((a, b) => a - b)

describe('windows, whatever comes', () => {
  for (const [name, length, offset] of [
    ['tumbling', 10, 10],
    ['sliding', 10, 5],
    ['sliding unevenly', 10, 3],
  ] as const) {
    it(`hold what their definition says: ${name}`, () => {
      const windower =
        length === offset
          ? new TumblingWindower({ length: length * 1000, alignTo: 0 })
          : new SlidingWindower({ length: length * 1000, offset: offset * 1000, alignTo: 0 })
      fc.assert(
        fc.property(batches, options, (input, how) => {
          const { onTime, late } = judged(input.flat(), how.wait)
          const world = run(windower, input, how)
          const values = how.ordered ? byTime(onTime) : onTime
          const down = world.out.of('down')
          expect(new Map(down as [number, Contents][])).to.deep.equal(
            gridContents(values, length, offset),
          )
          expect(new Set(down.map(([id]) => id)).size).to.equal(down.length)
          const lateOut = new Set(world.out.of('late').map(([, is]) => is))
          expect(lateOut).to.deep.equal(new Set(places(late)))
        }),
      )
    })
  }

  it('hold what their definition says: session', () => {
    const windower = new SessionWindower({ gap: 4000 })
    fc.assert(
      fc.property(batches, options, (input, how) => {
        const { onTime, late } = judged(input.flat(), how.wait)
        const world = run(windower, input, how)
        const expected = sessionContents(onTime, 4)
        const down = world.out.of('down').map(([, contents]) => contents as Contents)
        if (how.ordered) expect(down).to.deep.equal(expected)
        else expect(inOrder(down.map(asNumbers))).to.deep.equal(inOrder(expected.map(asNumbers)))
        expect(world.out.of('late').map(([, is]) => is)).to.deep.equal(places(late))
        expectIdsUnique(world)
      }),
    )
  })

  it('account for each session id once: it comes out or was merged', () => {
    const windower = new SessionWindower({ gap: 4000 })
    fc.assert(
      fc.property(batches, options, (input, how) => {
        const meta = run(windower, input, how).out.of('meta') as [number, number[]][]
        const ids = meta.flatMap(([id, [, , ...merged]]) => [id, ...merged])
        expect(asNumbers(ids)).to.deep.equal(ids.map((_, id) => id))
      }),
    )
  })

  it('do not depend on batches, when ordered', () => {
    const windower = new SlidingWindower({ length: 10_000, offset: 4000, alignTo: 0 })
    fc.assert(
      fc.property(batches, wait, (input, waited) => {
        const how = { wait: waited, ordered: true, resumes: false }
        const whole = run(windower, [input.flat()], how)
        const single = run(
          windower,
          input.flat().map((value) => [value]),
          how,
        )
        for (const stream of ['down', 'late', 'meta'] as const) {
          expect(whole.out.of(stream)).to.deep.equal(single.out.of(stream))
        }
      }),
    )
  })
})

const inOrder = (contents: number[][]): number[][] =>
  [...contents].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))

const expectIdsUnique = (world: World): void => {
  const ids = world.out.of('down').map(([id]) => id)
  expect(new Set(ids).size).to.equal(ids.length)
}
