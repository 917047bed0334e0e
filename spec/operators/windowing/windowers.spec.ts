import { expect } from 'chai'
import { BuildError } from '../../../lib/errors/errors.ts'
import {
  SessionWindower,
  type SessionWindowerLogic,
} from '../../../operators/windowing/session-windower.ts'
import { SlidingWindower } from '../../../operators/windowing/sliding-windower.ts'
import { TumblingWindower } from '../../../operators/windowing/tumbling-windower.ts'
import { WindowSpan } from '../../../operators/windowing/window-metadata.ts'
import type { WindowerLogic } from '../../../operators/windowing/windower.ts'

const ALIGN = Date.UTC(2024, 0, 1, 9)
const second = (n: number): number => ALIGN + n * 1000
const NEVER = Number.NEGATIVE_INFINITY

describe('SlidingWindower', () => {
  const cases: [offset: number, at: number, ids: number[]][] = [
    [5, 13, [1, 2]],
    [5, -3, [-2, -1]],
    [5, 3, [-1, 0]],
    [5, 7, [0, 1]],
    [5, 15, [2, 3]],
    [5, -5, [-2, -1]],
    [5, 0, [-1, 0]],
    [5, 10, [1, 2]],
    [3, 11, [1, 2, 3]],
    [3, 11.5, [1, 2, 3]],
    [3, -1, [-3, -2, -1]],
    [3, -1.5, [-3, -2, -1]],
    [3, 5, [-1, 0, 1]],
    [7, 14, [1, 2]],
    [7, -7, [-2, -1]],
    [7, 0, [-1, 0]],
    [7, 17, [2]],
    [7, -4, [-1]],
    [7, 10, [1]],
    [10, 15, [1]],
    [10, -5, [-1]],
    [10, 5, [0]],
    [10, 20, [2]],
    [10, -10, [-1]],
    [10, 0, [0]],
    [10, 10, [1]],
  ]
  for (const [offset, at, ids] of cases) {
    it(`of 10 s every ${offset} s puts second ${at} into ${ids}`, () => {
      const windower = new SlidingWindower({
        length: { seconds: 10 },
        offset: { seconds: offset },
        alignTo: new Date(ALIGN),
      })
      expect(windower.build(null).openFor(second(at), NEVER)).to.deep.equal(ids)
      expect(windower.build(null).lateFor(second(at))).to.deep.equal(ids)
    })
  }

  it('closes a window when the watermark reaches its end', () => {
    const logic = new SlidingWindower({ length: 10, offset: 5, alignTo: 0 }).build(null)
    logic.openFor(7, NEVER)
    expect(logic.notifyAt()).to.equal(10)
    expect(logic.closeFor(9.99)).to.deep.equal([])
    expect(logic.closeFor(10)).to.deep.equal([[0, new WindowSpan(0, 10)]])
    expect(logic.isEmpty()).to.equal(false)
    expect(logic.closeFor(Number.POSITIVE_INFINITY)).to.deep.equal([[1, new WindowSpan(5, 15)]])
    expect(logic.isEmpty()).to.equal(true)
    expect(logic.notifyAt()).to.equal(null)
  })

  it('opens no window that has ended', () => {
    const logic = new SlidingWindower({ length: 10, offset: 5, alignTo: 0 }).build(null)
    expect(logic.openFor(7, 12)).to.deep.equal([1])
  })

  it('resumes its open windows', () => {
    const windower = new SlidingWindower({ length: 10, offset: 5, alignTo: 0 })
    const logic = windower.build(null)
    for (const time of [31, 7, 8, 22]) logic.openFor(time, NEVER)
    expect(logic.snapshot()).to.deep.equal([0, 1, 3, 4, 5, 6])
    expect(
      windower
        .build(logic.snapshot())
        .closeFor(15)
        .map(([id]) => id),
    ).to.deep.equal([0, 1])
  })

  it('refuses options that make no windows', () => {
    const good = { length: 10, offset: 5, alignTo: 0 }
    const refused = (bad: object): void => {
      expect(() => new SlidingWindower({ ...good, ...bad })).to.throw(BuildError, 'SlidingWindower')
    }
    for (const length of [0, -1, Number.NaN, 'x', undefined, { hours: 'x' }, Infinity]) {
      refused({ length })
      refused({ offset: length })
    }
    refused({ offset: 11 })
    refused({ alignTo: undefined })
    refused({ alignTo: '2024-01-01' })
  })
})

describe('TumblingWindower', () => {
  it('puts each instant into one window', () => {
    const windower = new TumblingWindower({ length: { seconds: 10 }, alignTo: ALIGN })
    const logic = windower.build(null)
    const ids = [-10, -5, 0, 5, 10, 20].map((at) => logic.openFor(second(at), NEVER))
    expect(ids).to.deep.equal([[-1], [-1], [0], [0], [1], [2]])
  })

  it('refuses options that make no windows', () => {
    expect(() => new TumblingWindower({ length: 0, alignTo: 0 })).to.throw(BuildError, 'length')
    expect(() => new TumblingWindower({ length: 1 } as never)).to.throw(BuildError, 'alignTo')
  })
})

describe('SessionWindower', () => {
  const gap = { seconds: 10 }
  const opened = (...times: number[]): [WindowerLogic<unknown>, ids: number[][]] => {
    const logic = new SessionWindower({ gap }).build(null)
    return [logic, times.map((time) => logic.openFor(second(time), NEVER))]
  }
  /** The open sessions as [id, open, close, mergedIds], in seconds. */
  const sessions = (logic: WindowerLogic<unknown>): unknown[] => {
    const { open } = logic.snapshot() as ReturnType<SessionWindowerLogic['snapshot']>
    return open.map(([id, from, to, ids]) => [id, (from - ALIGN) / 1000, (to - ALIGN) / 1000, ids])
  }

  const extending: [string, number[], unknown[]][] = [
    ['opens the first', [0], [[0, 0, 0, []]]],
    ['extends its end', [0, 5], [[0, 0, 5, []]]],
    ['extends its end by exactly the gap', [0, 10], [[0, 0, 10, []]]],
    ['extends its start', [0, -5], [[0, -5, 0, []]]],
    ['extends its start by exactly the gap', [0, -10], [[0, -10, 0, []]]],
    ['leaves a session that holds the time as it is', [0, 10, 5], [[0, 0, 10, []]]],
    [
      'opens another past the gap',
      [0, 10.001],
      [
        [0, 0, 0, []],
        [1, 10.001, 10.001, []],
      ],
    ],
  ]
  for (const [what, times, expected] of extending) {
    it(what, () => {
      const [logic, ids] = opened(...times)
      expect(sessions(logic)).to.deep.equal(expected)
      expect(ids.at(-1)).to.deep.equal([expected.length - 1])
      expect(logic.merged()).to.deep.equal([])
    })
  }

  it('merges two sessions that a value connects', () => {
    const [logic, ids] = opened(0, 20, 10)
    expect(ids).to.deep.equal([[0], [1], [0]])
    expect(logic.merged()).to.deep.equal([[1, 0]])
    expect(logic.merged()).to.deep.equal([])
    expect(sessions(logic)).to.deep.equal([[0, 0, 20, [1]]])
  })

  it('merges into the one that opens first, even if its id is higher', () => {
    const [logic] = opened(20, 0, 10)
    expect(logic.merged()).to.deep.equal([[0, 1]])
    expect(sessions(logic)).to.deep.equal([[1, 0, 20, [0]]])
  })

  it('merges only neighbors within the gap', () => {
    const [logic] = opened(0, 21, 41, 63, 31)
    expect(logic.merged()).to.deep.equal([[2, 1]])
    expect(sessions(logic)).to.deep.equal([
      [0, 0, 0, []],
      [1, 21, 41, [2]],
      [3, 63, 63, []],
    ])
  })

  it('names every id that a chain of merges swallowed', () => {
    const [logic] = opened(0, 20, 40, 30, 10)
    expect(logic.merged()).to.deep.equal([
      [2, 1],
      [1, 0],
    ])
    expect(sessions(logic)).to.deep.equal([[0, 0, 40, [1, 2]]])
  })

  it('has no id for what is late', () => {
    expect(opened(0)[0].lateFor(second(-99))).to.deep.equal([-1])
  })

  it('closes strictly past the gap, and asks for no earlier instant (D4)', () => {
    const [logic] = opened(0, 5)
    const due = logic.notifyAt()
    expect(logic.closeFor(second(15))).to.deep.equal([])
    expect(due).to.equal(second(15) + 1)
    expect(logic.closeFor(due ?? 0)).to.deep.equal([[0, new WindowSpan(second(0), second(5))]])
    expect(logic.isEmpty()).to.equal(true)
  })

  it('numbers on after a resume', () => {
    const windower = new SessionWindower({ gap })
    const [logic] = opened(0, 50)
    logic.closeFor(second(20))
    const resumed = windower.build(structuredClone(logic.snapshot()) as never)
    expect(resumed.openFor(second(55), NEVER)).to.deep.equal([1])
    expect(resumed.openFor(second(99), NEVER)).to.deep.equal([2])
  })

  it('refuses a gap that is none', () => {
    for (const bad of [-1, Number.NaN, Infinity, undefined, 'x']) {
      expect(() => new SessionWindower({ gap: bad as number })).to.throw(BuildError, 'gap')
    }
    expect(() => new SessionWindower({ gap: 0 })).not.to.throw()
  })
})

describe('WindowSpan', () => {
  it('gives luxon times in UTC', () => {
    const { openTime, closeTime } = new WindowSpan(second(0), second(10))
    expect(openTime.toISO()).to.equal('2024-01-01T09:00:00.000Z')
    expect(closeTime.zoneName).to.equal('UTC')
  })
})
