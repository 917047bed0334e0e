/** W5: every order (left) is paid (right) once, within 60 s; the two come in one stream. */

import { BATCH, cut, makeKeys, PASS, randomIntegers } from '../data.ts'
import { throughput } from '../throughput.ts'
import { arrivalOrder, BASE, DISORDER, Timeline } from '../timeline.ts'
import type { Laps, Outcome, Tally, Workload } from '../workload.ts'

interface Side {
  readonly order: string
  readonly isLeft: boolean
  time: number
  readonly value: number
}

const WITHIN = 60_000
/** Event time in which the lefts of a pass lie, and of a whole pass: passes never meet. */
const LEFTS = 170_000
const SPAN = 240_000

const makeSides = (size: number): Side[] => {
  const random = randomIntegers(7)
  const pairs = size / 2
  const keys = makeKeys(pairs)
  const sides = keys.flatMap((order, index): Side[] => {
    const time = BASE + Math.floor((index * LEFTS) / pairs)
    const wait = random() % (WITHIN + 1)
    return [
      { order, isLeft: true, time, value: random() % 1000 },
      { order, isLeft: false, time: time + wait, value: random() % 1000 },
    ]
  })
  return arrivalOrder(sides)
}

/** Every left meets its one right, by construction. */
const expected = (sides: readonly Side[], passes: number): Tally => {
  const products = new Map<string, number>()
  for (const { order, value } of sides) products.set(order, (products.get(order) ?? 1) * value)
  let sum = 0n
  for (const product of products.values()) sum += BigInt(product)
  return {
    count: products.size * passes,
    sum: Number(BigInt.asIntN(32, sum * BigInt(passes))),
  }
}

const orderOf = (side: Side): string => side.order
const timeOf = (side: Side): number => side.time
const isLeft = (side: Side): boolean => side.isLeft
const multiply = (left: Side, right: Side): number => left.value * right.value

/** How often the hand loop lets go of what has expired, milliseconds of event time. */
const SWEEP = 1000

/** What waits under a key: a left for rights up to 60 s after it, a right for a left out of order. */
interface Pair {
  left: Side | undefined
  right: Side | undefined
}

/** A Map keeps the order of arrival, so what has expired stands in front, give or take disorder. */
interface Waiting {
  readonly pairs: Map<string, Pair>
  high: number
  sweepAt: number
}

const hand = (sides: readonly Side[], laps: Laps): Outcome => {
  const timeline = new Timeline(sides, SPAN, laps)
  const waiting: Waiting = { pairs: new Map(), high: 0, sweepAt: BASE }
  let count = 0
  let sum = 0
  for (let copy = timeline.next(); copy >= 0; copy = timeline.next()) {
    const pass = handPass(timeline.copies[copy] ?? [], waiting)
    count += pass.count
    sum = (sum + pass.sum) | 0
  }
  return { count, sum }
}

const handPass = (sides: readonly Side[], waiting: Waiting): Tally => {
  const { pairs } = waiting
  let { high, sweepAt } = waiting
  let count = 0
  let sum = 0
  for (let i = 0; i < sides.length; i += 1) {
    const side = sides[i] as Side
    let pair = pairs.get(side.order)
    if (pair === undefined) {
      pair = { left: undefined, right: undefined }
      pairs.set(side.order, pair)
    }
    if (side.isLeft) pair.left = side
    else pair.right = side
    const { left, right } = pair
    if (left !== undefined && right !== undefined) {
      const wait = right.time - left.time
      if (wait >= 0 && wait <= WITHIN) {
        count += 1
        sum = (sum + left.value * right.value) | 0
      }
    }
    if (side.time > high) {
      high = side.time
      if (high - DISORDER >= sweepAt) {
        dropExpired(pairs, high - DISORDER)
        sweepAt = high - DISORDER + SWEEP
      }
    }
  }
  waiting.high = high
  waiting.sweepAt = sweepAt
  return { count, sum }
}

const dropExpired = (pairs: Map<string, Pair>, watermark: number): void => {
  for (const [order, { left, right }] of pairs) {
    const time = (left ?? right)?.time ?? 0
    if (time + WITHIN >= watermark) return
    pairs.delete(order)
  }
}

const addProducts = (pairs: readonly (readonly [string, number])[], before: number): number => {
  let sum = before
  for (let i = 0; i < pairs.length; i += 1) {
    sum = (sum + (pairs[i] as readonly [string, number])[1]) | 0
  }
  return sum
}

const tidemark = async (sides: readonly Side[], laps: Laps): Promise<Outcome> => {
  const { runFlow } = await import('../flow.ts')
  const { branch, intervalJoin, keyOn, WatermarkClock, watermarks } = await import(
    'tidemark/operators'
  )
  const timeline = new Timeline(sides, SPAN, laps)
  const batches = timeline.copies.map((copy) => cut(copy, BATCH))
  return runFlow({
    nextPass: () => batches[timeline.next()] ?? null,
    steps: (stream) => {
      const { trues, falses } = stream.pipe(
        watermarks('time', { timestamp: timeOf, outOfOrderness: DISORDER }),
        keyOn('order', orderOf),
        branch('side', ([, side]) => isLeft(side)),
      )
      return trues.pipe(
        intervalJoin('paid', falses, {
          clock: new WatermarkClock({ timestamp: timeOf }),
          before: 0,
          after: WITHIN,
          join: multiply,
        }),
      )
    },
    add: addProducts,
  })
}

export const workload: Workload = throughput({
  id: 'W5',
  title: 'interval join, 1:1 within 60 s',
  rows: [
    {
      label: 'W5 interval join, 1:1 within 60 s',
      ours: 'tidemark',
      gates: [{ against: 'hand', better: 'higher', floor: 0.4, aim: 0.7 }],
    },
  ],
  size: PASS,
  items: (size) => size,
  input: makeSides,
  expected,
  variants: { hand, tidemark },
  plans: [
    {
      task: 'W5',
      ours: 'tidemark',
      lines: (sides) =>
        sides.map(
          ({ order, isLeft: left, time, value }) => `${order}\t${left ? 1 : 0}\t${time}\t${value}`,
        ),
      span: SPAN,
      passes: 1,
      peers: { bytewax: { floor: 30, aim: 55 }, flink: null },
    },
  ],
})
