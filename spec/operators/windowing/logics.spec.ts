import { expect } from 'chai'
import { BuildError } from '../../../lib/errors/errors.ts'
import { type CollectInto, collectLogic } from '../../../operators/windowing/collect-logic.ts'
import { EventClock } from '../../../operators/windowing/event-clock.ts'
import { countFold, foldLogic } from '../../../operators/windowing/fold-logic.ts'
import { greater, less, reduceLogic } from '../../../operators/windowing/reduce-logic.ts'
import { TumblingWindower } from '../../../operators/windowing/tumbling-windower.ts'
import type { BuildLogic } from '../../../operators/windowing/window-plan.ts'
import { at, type Timed, timestamp, World } from './worlds.ts'

/** What a window gives that held `first` and was merged with one that held `second`. */
const merged = <V>(build: BuildLogic<V, unknown>, first: V[], second: V[]): unknown[] => {
  const [into, from] = [first, second].map((values) => {
    const logic = build(null)
    for (const value of values) Array.from(logic.onValue(value))
    return build(structuredClone(logic.snapshot()))
  })
  if (into === undefined || from === undefined) return []
  return [...into.onMerge(from), ...into.onClose()]
}

const windows = (logic: BuildLogic<Timed, unknown>, ...values: Timed[]): unknown[] => {
  const clock = new EventClock<Timed>({ timestamp, wait: 0 })
  const windower = new TumblingWindower({ length: { seconds: 10 }, alignTo: 0 })
  const world = new World({ clock, windower, logic, ordered: false })
  return world
    .each(...values)
    .end()
    .out.of('down')
}

describe('foldLogic', () => {
  it('folds each window from a new accumulator', () => {
    const tally = foldLogic<Timed, Record<string, number>>({
      init: () => ({}),
      fold: (counts, { is }) => ({ ...counts, [String(is)]: (counts[String(is)] ?? 0) + 1 }),
      merge: (into) => into,
    })
    const values = [at(0, 'login'), at(4, 'post'), at(8, 'post'), at(16, 'post')]
    expect(windows(tally, ...values)).to.deep.equal([
      [0, { login: 1, post: 2 }],
      [1, { post: 1 }],
    ])
  })

  it('keeps an accumulator that is null apart from a new window', () => {
    const build = foldLogic<number, number | null>({
      init: () => 1,
      fold: () => null,
      merge: (into) => into,
    })
    expect(merged(build, [1], [2])).to.deep.equal([null])
  })

  it('counts', () => {
    expect(merged(foldLogic(countFold), [5, 5], [5])).to.deep.equal([3])
  })

  it('makes one window of a minute from each minute of 100 000 seconds', () => {
    const clock = new EventClock<Timed>({ timestamp, wait: 0 })
    const windower = new TumblingWindower({ length: { minutes: 1 }, alignTo: 0 })
    const world = new World({ clock, windower, logic: foldLogic(countFold), ordered: false })
    world.batch(...Array.from({ length: 100_000 }, (_, second) => at(second))).end()
    const down = world.out.of('down')
    expect(down).to.have.length(1667)
    expect(down.at(-1)).to.deep.equal([1666, 40])
  })
})

describe('reduceLogic', () => {
  const sum = reduceLogic<number>((a, b) => a + b)
  const values = [at(0, 1), at(4, 9), at(8, 3), at(12, 10), at(13, 4)]
  const byValue = ({ is }: Timed): number => Number(is)

  it('starts with the first value', () => {
    expect(merged(sum, [1, 2], [4])).to.deep.equal([7])
    expect(
      merged(
        reduceLogic<number | null>((a, b) => a ?? b),
        [null],
        [3],
      ),
    ).to.deep.equal([3])
  })

  it('keeps the greatest or the least', () => {
    const max = windows(reduceLogic(greater(byValue)), ...values)
    const min = windows(reduceLogic(less(byValue)), ...values)
    expect(max).to.deep.equal([
      [0, at(4, 9)],
      [1, at(12, 10)],
    ])
    expect(min).to.deep.equal([
      [0, at(0, 1)],
      [1, at(13, 4)],
    ])
  })

  it('keeps the first of equal values', () => {
    const equal = [at(1, 5), at(2, 5), at(3, 5)]
    for (const better of [greater, less]) {
      expect(windows(reduceLogic(better(byValue)), ...equal)).to.deep.equal([[0, at(1, 5)]])
    }
  })
})

describe('collectLogic', () => {
  it('collects into arrays, sets and maps', () => {
    expect(merged(collectLogic('array', 'c'), [1, 1], [2])).to.deep.equal([[1, 1, 2]])
    expect(merged(collectLogic('set', 'c'), [1, 1], [2])).to.deep.equal([new Set([1, 2])])
    const pairs = [
      ['a', 1],
      ['b', 1],
    ]
    expect(merged(collectLogic('map', 'c'), pairs, [['a', 2]])).to.deep.equal([
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    ])
  })

  it('refuses to collect into anything else (D14)', () => {
    expect(() => collectLogic('bag' as CollectInto, 'tally')).to.throw(
      BuildError,
      "tally: into is \"bag\"; it must be 'array', 'set' or 'map'.",
    )
  })

  it('names a value that is no pair', () => {
    const logic = collectLogic('map', 'tally')(null)
    expect(() => logic.onValue(7)).to.throw(TypeError, /tally: into 'map' needs .* pairs; got 7/)
  })
})
