/** W3f: `foldFinal` over 1e3 string keys: one output a key, when the input has ended. */

import { groupBy, mergeMap, Observable, reduce } from 'rxjs'
import { BATCH, cut, PASS } from '../data.ts'
import { throughput } from '../throughput.ts'
import type { Laps, Outcome, Tally, Workload } from '../workload.ts'
import { accountOf, makePayments, type Payment, type Running } from './keyed-fold.ts'

const KEYS = 1000

/** Final sums grow with the passes; the counts and sums of all keys are what is checked. */
const expected = (payments: readonly Payment[], passes: number): Tally => {
  const accounts = new Set(payments.map(accountOf))
  const total = payments.reduce((sum, payment) => sum + payment.amount + 1, 0)
  return { count: accounts.size, sum: Number(BigInt.asIntN(32, BigInt(total * passes))) }
}

const empty = (): Running => ({ n: 0, s: 0 })
const addPayment = (state: Running, payment: Payment): Running => {
  state.n += 1
  state.s += payment.amount
  return state
}

const tally = (states: Iterable<Running>): Tally => {
  let count = 0
  let sum = 0
  for (const state of states) {
    count += 1
    sum = (sum + state.n + state.s) | 0
  }
  return { count, sum }
}

const hand = (payments: readonly Payment[], laps: Laps): Outcome => {
  const states = new Map<string, Running>()
  while (laps.next()) handPass(payments, states)
  return tally(states.values())
}

const handPass = (payments: readonly Payment[], states: Map<string, Running>): void => {
  for (let i = 0; i < payments.length; i += 1) {
    const payment = payments[i] as Payment
    let state = states.get(payment.account)
    if (state === undefined) {
      state = { n: 0, s: 0 }
      states.set(payment.account, state)
    }
    state.n += 1
    state.s += payment.amount
  }
}

const calls = (payments: readonly Payment[], laps: Laps): Outcome => {
  const states = new Map<string, Running>()
  while (laps.next()) callsPass(payments, states)
  return tally(states.values())
}

const callsPass = (payments: readonly Payment[], states: Map<string, Running>): void => {
  for (let i = 0; i < payments.length; i += 1) {
    const payment = payments[i] as Payment
    const account = accountOf(payment)
    const before = states.get(account)
    if (before === undefined) states.set(account, addPayment(empty(), payment))
    else addPayment(before, payment)
  }
}

const rxjs = (payments: readonly Payment[], laps: Laps): Outcome => {
  const states: Running[] = []
  new Observable<Payment>((subscriber) => {
    while (laps.next()) {
      for (let i = 0; i < payments.length; i += 1) subscriber.next(payments[i] as Payment)
    }
    subscriber.complete()
  })
    .pipe(
      groupBy(accountOf),
      mergeMap((group) => group.pipe(reduce(addPayment, empty()))),
    )
    .subscribe((state) => {
      states.push(state)
    })
  return tally(states)
}

const tidemark = async (payments: readonly Payment[], laps: Laps): Promise<Outcome> => {
  const { runFlow } = await import('../flow.ts')
  const { foldFinal, keyOn } = await import('tidemark/operators')
  const batches = cut(payments, BATCH)
  return runFlow({
    nextPass: () => (laps.next() ? batches : null),
    steps: (stream) =>
      stream.pipe(keyOn('account', accountOf), foldFinal('total', empty, addPayment)),
    add: (pairs, before) => {
      let sum = before
      for (const [, state] of pairs) sum = (sum + state.n + state.s) | 0
      return sum
    },
  })
}

export const workload: Workload = throughput({
  id: 'W3f',
  title: 'foldFinal, 1e3 string keys',
  rows: [
    {
      label: 'W3f foldFinal, 1e3 keys',
      ours: 'tidemark',
      gates: [
        { against: 'hand', better: 'higher', floor: 0.4, aim: 0.7 },
        { against: 'rxjs', better: 'higher', floor: 3, aim: 8 },
      ],
    },
  ],
  size: PASS,
  items: (size) => size,
  input: (size) => makePayments(size, Math.min(KEYS, size)),
  expected,
  variants: { hand, calls, rxjs, tidemark },
})
