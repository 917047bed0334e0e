/**
 * W1: a chain of five stateless steps (map, filter half, map, map, filter) on small objects.
 *
 * The hand loop is the five bodies written inline; `calls` is the same loop calling the functions.
 */

import { filter as mostFilter, map as mostMap, newStream, runEffects, tap } from '@most/core'
import { newDefaultScheduler } from '@most/scheduler'
import { filter, map, Observable } from 'rxjs'
import { BATCH, cut, PASS, randomIntegers } from '../data.ts'
import { throughput } from '../throughput.ts'
import type { Laps, Outcome, Tally, Workload } from '../workload.ts'

export interface Order {
  readonly id: number
  readonly price: number
}

export const withFee = (order: Order): Order => ({ id: order.id, price: order.price + 1 })
export const isEven = (order: Order): boolean => (order.id & 1) === 0
export const tripled = (order: Order): Order => ({ id: order.id, price: order.price * 3 })
export const discounted = (order: Order): Order => ({ id: order.id, price: order.price - 7 })
export const isUneven = (order: Order): boolean => order.price % 5 !== 0

export const makeOrders = (size: number): Order[] => {
  const random = randomIntegers(1)
  return Array.from({ length: size }, () => ({ id: random() % 1e6, price: random() % 1000 }))
}

export const expectedOrders = (orders: readonly Order[], passes: number): Tally => {
  const left = orders.map(withFee).filter(isEven).map(tripled).map(discounted).filter(isUneven)
  const sum = left.reduce((total, order) => total + order.price, 0)
  return { count: left.length * passes, sum: Number(BigInt.asIntN(32, BigInt(sum * passes))) }
}

/** The five bodies in one loop. */
export const hand = (orders: readonly Order[], laps: Laps): Outcome => {
  let count = 0
  let sum = 0
  while (laps.next()) {
    const pass = handPass(orders)
    count += pass.count
    sum = (sum + pass.sum) | 0
  }
  return { count, sum }
}

const handPass = (orders: readonly Order[]): Tally => {
  let count = 0
  let sum = 0
  for (let i = 0; i < orders.length; i += 1) {
    const order = orders[i] as Order
    const a = { id: order.id, price: order.price + 1 }
    if ((a.id & 1) !== 0) continue
    const b = { id: a.id, price: a.price * 3 }
    const c = { id: b.id, price: b.price - 7 }
    if (c.price % 5 === 0) continue
    count += 1
    sum = (sum + c.price) | 0
  }
  return { count, sum }
}

/** The same loop, calling the functions that the other variants are given. */
const calls = (orders: readonly Order[], laps: Laps): Outcome => {
  let count = 0
  let sum = 0
  while (laps.next()) {
    const pass = callsPass(orders)
    count += pass.count
    sum = (sum + pass.sum) | 0
  }
  return { count, sum }
}

const callsPass = (orders: readonly Order[]): Tally => {
  let count = 0
  let sum = 0
  for (let i = 0; i < orders.length; i += 1) {
    const a = withFee(orders[i] as Order)
    if (!isEven(a)) continue
    const c = discounted(tripled(a))
    if (!isUneven(c)) continue
    count += 1
    sum = (sum + c.price) | 0
  }
  return { count, sum }
}

/** One cold Observable over all passes, which costs what `from(array)` costs. */
export const rxjs = (orders: readonly Order[], laps: Laps): Outcome => {
  let count = 0
  let sum = 0
  new Observable<Order>((subscriber) => {
    while (laps.next()) {
      for (let i = 0; i < orders.length; i += 1) subscriber.next(orders[i] as Order)
    }
    subscriber.complete()
  })
    .pipe(map(withFee), filter(isEven), map(tripled), map(discounted), filter(isUneven))
    .subscribe((order) => {
      count += 1
      sum = (sum + order.price) | 0
    })
  return { count, sum }
}

const most = async (orders: readonly Order[], laps: Laps): Promise<Outcome> => {
  let count = 0
  let sum = 0
  const source = newStream<Order>((sink) => {
    while (laps.next()) {
      for (let i = 0; i < orders.length; i += 1) sink.event(0, orders[i] as Order)
    }
    sink.end(0)
    return { dispose: () => {} }
  })
  const chain = mostFilter(
    isUneven,
    mostMap(discounted, mostMap(tripled, mostFilter(isEven, mostMap(withFee, source)))),
  )
  const counted = tap((order) => {
    count += 1
    sum = (sum + order.price) | 0
  }, chain)
  await runEffects(counted, newDefaultScheduler())
  return { count, sum }
}

const tidemark =
  (batchSize: number) =>
  async (orders: readonly Order[], laps: Laps): Promise<Outcome> => {
    const { runFlow } = await import('../flow.ts')
    const { filter: keep, map: change } = await import('tidemark/operators')
    const batches = cut(orders, batchSize)
    return runFlow({
      nextPass: () => (laps.next() ? batches : null),
      steps: (stream) =>
        stream.pipe(
          change('fee', withFee),
          keep('even', isEven),
          change('triple', tripled),
          change('discount', discounted),
          keep('uneven', isUneven),
        ),
      add: addOrders,
    })
  }

export const addOrders = (orders: readonly Order[], before: number): number => {
  let sum = before
  for (let i = 0; i < orders.length; i += 1) sum = (sum + (orders[i] as Order).price) | 0
  return sum
}

export const workload: Workload = throughput({
  id: 'W1',
  title: 'stateless chain of 5, small objects',
  rows: [
    {
      label: 'W1 chain of 5',
      ours: 'tidemark',
      gates: [
        { against: 'hand', better: 'higher', floor: 0.25, aim: 0.7 },
        { against: 'rxjs', better: 'higher', floor: 2, aim: 6 },
      ],
    },
    {
      label: 'W1 source batches of 1, to batches of 1000',
      ours: 'tidemark-batch-1',
      gates: [{ against: 'tidemark', better: 'higher', floor: 0.15, aim: 0.3 }],
    },
  ],
  size: PASS,
  items: (size) => size,
  input: makeOrders,
  expected: expectedOrders,
  variants: {
    hand,
    calls,
    rxjs,
    most,
    tidemark: tidemark(BATCH),
    'tidemark-batch-1': tidemark(1),
  },
  plans: [
    {
      task: 'W1',
      ours: 'tidemark',
      lines: (orders) => orders.map(({ id, price }) => `${id}\t${price}`),
      span: 0,
      passes: 4,
      peers: { bytewax: { floor: 10, aim: 18 }, jet: null, flink: null },
    },
  ],
})
