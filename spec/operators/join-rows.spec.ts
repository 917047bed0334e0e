import { expect } from 'chai'
import {
  type JoinEmitMode,
  type JoinInsertMode,
  JoinRows,
  type JoinSide,
  namedRows,
  tupleRows,
} from '../../operators/join-rows.ts'
import { joinLogic, SideClock } from '../../operators/windowing/join-logic.ts'
import { WatermarkClock } from '../../operators/windowing/watermark-clock.ts'

type Values = readonly (readonly [side: number, value: unknown])[]

const LEFT = 0
const RIGHT = 1

const joined = (
  insertMode: JoinInsertMode,
  emitMode: JoinEmitMode,
  ...values: Values
): unknown[] => {
  const logic = joinLogic({ shape: tupleRows(2), insertMode, emitMode })(null)
  const rows = values.flatMap(([side, value]) => [...logic.onValue({ side, value })])
  return [...rows, ...logic.onClose()]
}

describe('a join of windows', () => {
  it('gives complete rows of first values', () => {
    const rows = joined('first', 'complete', [LEFT, 1], [RIGHT, 2], [RIGHT, 3])
    expect(rows).to.deep.equal([[1, 2]])
  })

  it('starts over after complete rows', () => {
    const rows = joined('last', 'complete', [LEFT, 1], [RIGHT, 2], [RIGHT, 3], [LEFT, 4])
    expect(rows).to.deep.equal([
      [1, 2],
      [4, 3],
    ])
  })

  it('gives the last values at the end', () => {
    expect(joined('last', 'final', [LEFT, 1], [RIGHT, 2], [RIGHT, 3])).to.deep.equal([[1, 3]])
    expect(joined('last', 'final', [RIGHT, 3])).to.deep.equal([[null, 3]])
  })

  it('gives running rows', () => {
    expect(joined('last', 'running', [LEFT, 1], [RIGHT, 2], [RIGHT, 3])).to.deep.equal([
      [1, null],
      [1, 2],
      [1, 3],
    ])
  })

  it('gives no running row for a value that it ignores (D20)', () => {
    expect(joined('first', 'running', [LEFT, 1], [LEFT, 9], [RIGHT, 2], [RIGHT, 3])).to.deep.equal([
      [1, null],
      [1, 2],
    ])
  })

  it('gives all combinations, the last side changing fastest', () => {
    const rows = joined('product', 'final', [LEFT, 1], [LEFT, 2], [RIGHT, 3], [RIGHT, 4])
    expect(rows).to.deep.equal([
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
    ])
  })

  const precedence: [JoinInsertMode, unknown[]][] = [
    ['first', [[1, 20]]],
    ['last', [[10, 20]]],
    [
      'product',
      [
        [1, 20],
        [10, 20],
      ],
    ],
  ]
  for (const [insertMode, expected] of precedence) {
    it(`merges windows by ${insertMode} (D6)`, () => {
      const build = joinLogic({ shape: tupleRows(2), insertMode, emitMode: 'final' })
      const [target, original] = [build(null), build(null)]
      Array.from(target.onValue({ side: LEFT, value: 1 }))
      Array.from(original.onValue({ side: LEFT, value: 10 }))
      Array.from(original.onValue({ side: RIGHT, value: 20 }))
      expect([...target.onMerge(original), ...target.onClose()]).to.deep.equal(expected)
    })
  }

  it('gives rows that a merge completes', () => {
    const build = joinLogic({ shape: tupleRows(2), insertMode: 'last', emitMode: 'complete' })
    const [target, original] = [build(null), build(null)]
    Array.from(target.onValue({ side: LEFT, value: 1 }))
    Array.from(original.onValue({ side: RIGHT, value: 2 }))
    expect([...target.onMerge(original)]).to.deep.equal([[1, 2]])
  })

  it('shows a clock the value without its side (D7)', () => {
    const clock = new SideClock(new WatermarkClock<number>({ timestamp: (n) => n }))
    const value: JoinSide<number> = { side: RIGHT, value: 5 }
    expect(clock.build(null).onItem(value).time).to.equal(5)
  })
})

describe('JoinRows', () => {
  it('tells a value that is null from a missing one', () => {
    const rows = new JoinRows(tupleRows(2), 'last')
    rows.insert(LEFT, null)
    expect(rows.isComplete()).to.equal(false)
    rows.insert(RIGHT, null)
    expect(rows.isComplete()).to.equal(true)
  })

  it('names the sides of its rows, whatever their names', () => {
    const rows = new JoinRows(namedRows(['user', '__proto__']), 'last')
    rows.insert(0, 'ann')
    rows.insert(1, 'x')
    const [row] = rows.rows() as [object]
    expect(Object.entries(row)).to.deep.equal([
      ['user', 'ann'],
      ['__proto__', 'x'],
    ])
    expect(Object.getPrototypeOf(row)).to.equal(Object.prototype)
  })

  it('resumes from its snapshot', () => {
    const rows = new JoinRows(tupleRows(3), 'product')
    rows.insert(0, 1)
    rows.insert(2, 2)
    const resumed = new JoinRows(tupleRows(3), 'product', structuredClone(rows.snapshot()))
    expect(resumed.rows()).to.deep.equal([[1, null, 2]])
  })
})
