/** W1b: the user's own RxJS pipeline of W1's five steps, carried by `rx`. */

import { filter, map, type Observable, Subject } from 'rxjs'
import { BATCH, cut, PASS } from '../data.ts'
import { throughput } from '../throughput.ts'
import type { Laps, Outcome, Workload } from '../workload.ts'
import {
  addOrders,
  discounted,
  expectedOrders,
  hand,
  isEven,
  isUneven,
  makeOrders,
  type Order,
  rxjs,
  tripled,
  withFee,
} from './w1-chain.ts'

const project = (orders: Observable<Order>): Observable<Order> =>
  orders.pipe(map(withFee), filter(isEven), map(tripled), map(discounted), filter(isUneven))

/** What a service does today: a Subject that somebody calls `next` on. */
const subject = (orders: readonly Order[], laps: Laps): Outcome => {
  let count = 0
  let sum = 0
  const source = new Subject<Order>()
  project(source).subscribe((order) => {
    count += 1
    sum = (sum + order.price) | 0
  })
  while (laps.next()) {
    for (let i = 0; i < orders.length; i += 1) source.next(orders[i] as Order)
  }
  return { count, sum }
}

const tidemark = async (orders: readonly Order[], laps: Laps): Promise<Outcome> => {
  const { runFlow } = await import('../flow.ts')
  const { rx } = await import('tidemark/operators')
  const batches = cut(orders, BATCH)
  return runFlow({
    nextPass: () => (laps.next() ? batches : null),
    steps: (stream) => stream.pipe(rx('own', project)),
    add: addOrders,
  })
}

export const workload: Workload = throughput({
  id: 'W1b',
  title: "the user's own RxJS pipeline of 5 through rx",
  rows: [
    {
      label: 'W1b rx, to a Subject',
      ours: 'tidemark',
      gates: [{ against: 'subject', better: 'higher', floor: 0.85, aim: 1.5 }],
    },
  ],
  size: PASS,
  items: (size) => size,
  input: makeOrders,
  expected: expectedOrders,
  variants: { hand, rxjs, subject, tidemark },
})
