import { expect } from 'chai'
import fc from 'fast-check'
import { composeLoop } from '../../../lib/actor/chain-fallback.ts'
import {
  type ChainLoop,
  generateLoop,
  type LoopHost,
  type LoopOutput,
  type Stage,
} from '../../../lib/actor/chain-loop.ts'
import { callbackOf, type Item, interpret, type Op, type Outcome } from './plain-chain.ts'

const drive = (
  loop: ChainLoop,
  items: readonly Item[],
  keyed: boolean,
  calls: string[],
): Outcome => {
  const failed: [number, number][] = []
  const host: LoopHost = {
    epoch: 3,
    worker: 1,
    fail: (stage, _error, index) => void failed.push([stage, index]),
  }
  const out: LoopOutput = { keys: null, values: [], otherKeys: null, otherValues: [] }
  const keys = keyed ? items.map(({ key }) => key as string) : null
  loop(
    keys,
    items.map(({ value }) => value),
    host,
    out,
  )
  const zip = (at: readonly string[] | null, values: readonly unknown[]): Item[] =>
    values.map((value, index) => ({ key: at?.[index] ?? null, value }))
  return {
    kept: zip(out.keys, out.values),
    turnedDown: out.otherValues === out.values ? [] : zip(out.otherKeys, out.otherValues),
    failed,
    calls,
  }
}

const ON_ANY: readonly Op[] = [
  'map',
  'filter',
  'filterMap',
  'flatMap',
  'inspect',
  'inspectDebug',
  'keyOn',
  'keyed',
]
const ON_KEYED: readonly Op[] = [
  ...ON_ANY,
  'mapValue',
  'filterValue',
  'filterMapValue',
  'flatMapValue',
  'keyRm',
]
const KEYS_AFTER: Partial<Record<Op, boolean>> = {
  map: false,
  filterMap: false,
  flatMap: false,
  keyRm: false,
  keyOn: true,
  keyed: true,
}

/** A run of operations in which those on values stand only where there are keys. */
const opsFrom = (choices: readonly number[], keyed: boolean, branches: boolean): Op[] => {
  let hasKeys = keyed
  const ops = choices.map((choice) => {
    const may = hasKeys ? ON_KEYED : ON_ANY
    const op = may[choice % may.length] as Op
    hasKeys = KEYS_AFTER[op] ?? hasKeys
    return op
  })
  return branches || ops.length === 0 ? [...ops, 'branch'] : ops
}

const stagesOf = (ops: readonly Op[], calls: string[]): Stage[] =>
  ops.map((op, at) => ({ op, callback: callbackOf(op, at, calls), stepId: `test.${at}` }))

const values = fc.oneof(
  fc.integer({ min: 0, max: 500 }),
  fc.string({ maxLength: 3 }),
  fc.constant(null),
  fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 50 })),
)

describe('the loop of a run of stateless steps', () => {
  it('does what its steps do one after the other, generated or composed', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.array(fc.nat({ max: 100 }), { maxLength: 6 }),
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), values), { maxLength: 30 }),
        (keyed, branches, choices, pairs) => {
          const ops = opsFrom(choices, keyed, branches)
          const items = pairs.map(([key, value]) => ({ key: keyed ? key : null, value }))
          const expected: string[] = []
          const plain = interpret(stagesOf(ops, expected), items, expected)
          for (const make of [
            (stages: readonly Stage[]) => generateLoop(stages, keyed, 'test'),
            (stages: readonly Stage[]) => composeLoop(stages, keyed),
          ]) {
            const calls: string[] = []
            const loop = make(stagesOf(ops, calls)) as ChainLoop
            const outcome = drive(loop, items, keyed, calls)
            expect(outcome, ops.join(' ')).to.deep.equal(plain)
            // The next batch begins as the first one did.
            calls.length = 0
            expect(drive(loop, items, keyed, calls)).to.deep.equal(plain)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('lets what the host throws pass, so that the run ends', () => {
    const stages: Stage[] = [
      {
        op: 'map',
        callback: () => {
          throw new Error('first')
        },
        stepId: 'test.m',
      },
    ]
    const host: LoopHost = {
      epoch: 1,
      worker: 0,
      fail: () => {
        throw new Error('the end')
      },
    }
    const out: LoopOutput = { keys: null, values: [], otherKeys: null, otherValues: [] }
    for (const loop of [generateLoop(stages, false, 'test'), composeLoop(stages, false)]) {
      expect(() => loop?.(null, [1], host, out)).to.throw('the end')
    }
  })

  it('keeps text of the user out of the generated code', () => {
    const calls: unknown[] = []
    const stepId = '`${process.exit(1)}`\'"\n// */'
    const stages: Stage[] = [
      { op: 'inspect', callback: (...input) => void calls.push(input), stepId },
    ]
    const out: LoopOutput = { keys: null, values: [], otherKeys: null, otherValues: [] }
    const host: LoopHost = { epoch: 1, worker: 0, fail: () => {} }
    generateLoop(stages, false, `name'"\n*/ ${stepId}`)?.(null, [1], host, out)
    expect(calls).to.deep.equal([[stepId, 1]])
  })
})
