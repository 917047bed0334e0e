/** What W3a and W3b share: a running sum for each string key, an output for every item. */

import { groupBy, map, mergeMap, Observable, scan } from 'rxjs'
import { BATCH, cut, makeKeys, randomIntegers, shuffle } from '../data.ts'
import { growingSum } from '../throughput.ts'
import type { Laps, Outcome, Tally, Variant } from '../workload.ts'

export interface Payment {
  readonly account: string
  readonly amount: number
}

export interface Running {
  n: number
  s: number
}

/** Payments over `keyCount` keys in random order, each key at least once if there are enough. */
export const makePayments = (size: number, keyCount: number): Payment[] => {
  const random = randomIntegers(3)
  const keys = makeKeys(keyCount)
  const accounts = Array.from({ length: size }, (_, index) =>
    index < keyCount ? (keys[index] as string) : (keys[random() % keyCount] as string),
  )
  return shuffle(accounts, random).map((account) => ({ account, amount: random() % 100 }))
}

/** The rows as other systems are given them. */
export const paymentLines = (payments: readonly Payment[]): string[] =>
  payments.map(({ account, amount }) => `${account}\t${amount}`)

/** A key whose sum is S after c items in a pass puts out c * S more with every pass. */
export const expectedRunning = (payments: readonly Payment[], passes: number): Tally => {
  const totals = new Map<string, Running>()
  let first = 0n
  for (const { account, amount } of payments) {
    const before = totals.get(account) ?? { n: 0, s: 0 }
    const after = { n: before.n + 1, s: before.s + amount }
    totals.set(account, after)
    first += BigInt(after.s)
  }
  let growth = 0n
  for (const { n, s } of totals.values()) growth += BigInt(n) * BigInt(s)
  return { count: payments.length * passes, sum: growingSum({ first, growth }, passes) }
}

export const accountOf = (payment: Payment): string => payment.account

/** The callback of `statefulMap`: the state is changed in place and its sum put out. */
export const addPayment = (state: Running | null, payment: Payment): [Running, number] => {
  const next = state ?? { n: 0, s: 0 }
  next.n += 1
  next.s += payment.amount
  return [next, next.s]
}

const hand = (payments: readonly Payment[], laps: Laps): Outcome => {
  const states = new Map<string, Running>()
  let count = 0
  let sum = 0
  while (laps.next()) {
    const pass = handPass(payments, states)
    count += pass.count
    sum = (sum + pass.sum) | 0
  }
  return { count, sum }
}

const handPass = (payments: readonly Payment[], states: Map<string, Running>): Tally => {
  let count = 0
  let sum = 0
  for (let i = 0; i < payments.length; i += 1) {
    const payment = payments[i] as Payment
    let state = states.get(payment.account)
    if (state === undefined) {
      state = { n: 0, s: 0 }
      states.set(payment.account, state)
    }
    state.n += 1
    state.s += payment.amount
    count += 1
    sum = (sum + state.s) | 0
  }
  return { count, sum }
}

const calls = (payments: readonly Payment[], laps: Laps): Outcome => {
  const states = new Map<string, Running>()
  let count = 0
  let sum = 0
  while (laps.next()) {
    const pass = callsPass(payments, states)
    count += pass.count
    sum = (sum + pass.sum) | 0
  }
  return { count, sum }
}

const callsPass = (payments: readonly Payment[], states: Map<string, Running>): Tally => {
  let count = 0
  let sum = 0
  for (let i = 0; i < payments.length; i += 1) {
    const payment = payments[i] as Payment
    const account = accountOf(payment)
    const before = states.get(account)
    const [state, total] = addPayment(before ?? null, payment)
    if (before === undefined) states.set(account, state)
    count += 1
    sum = (sum + total) | 0
  }
  return { count, sum }
}

const feed = (payments: readonly Payment[], laps: Laps): Observable<Payment> =>
  new Observable((subscriber) => {
    while (laps.next()) {
      for (let i = 0; i < payments.length; i += 1) subscriber.next(payments[i] as Payment)
    }
    subscriber.complete()
  })

/** The idiom: a group a key, each with its own `scan`. */
const rxjs = (payments: readonly Payment[], laps: Laps): Outcome => {
  let count = 0
  let sum = 0
  feed(payments, laps)
    .pipe(
      groupBy(accountOf),
      mergeMap((group) => group.pipe(scan((total, payment) => total + payment.amount, 0))),
    )
    .subscribe((total) => {
      count += 1
      sum = (sum + total) | 0
    })
  return { count, sum }
}

/** The quickest form in RxJS: one `map` around a Map. */
const rxjsWithMap = (payments: readonly Payment[], laps: Laps): Outcome => {
  const states = new Map<string, Running>()
  let count = 0
  let sum = 0
  feed(payments, laps)
    .pipe(
      map((payment) => {
        const before = states.get(payment.account)
        const [state, total] = addPayment(before ?? null, payment)
        if (before === undefined) states.set(payment.account, state)
        return total
      }),
    )
    .subscribe((total) => {
      count += 1
      sum = (sum + total) | 0
    })
  return { count, sum }
}

const addTotals = (totals: readonly number[], before: number): number => {
  let sum = before
  for (let i = 0; i < totals.length; i += 1) sum = (sum + (totals[i] as number)) | 0
  return sum
}

const tidemark = async (payments: readonly Payment[], laps: Laps): Promise<Outcome> => {
  const { runFlow } = await import('../flow.ts')
  const { keyOn, keyRm, statefulMap } = await import('tidemark/operators')
  const batches = cut(payments, BATCH)
  return runFlow({
    nextPass: () => (laps.next() ? batches : null),
    steps: (stream) =>
      stream.pipe(keyOn('account', accountOf), statefulMap('total', addPayment), keyRm('bare')),
    add: addTotals,
  })
}

const addPairs = (pairs: readonly (readonly [string, number])[], before: number): number => {
  let sum = before
  for (let i = 0; i < pairs.length; i += 1) {
    sum = (sum + (pairs[i] as readonly [string, number])[1]) | 0
  }
  return sum
}

/** As `tidemark`, but the sink gets pairs of key and total. */
const tidemarkPairs = async (payments: readonly Payment[], laps: Laps): Promise<Outcome> => {
  const { runFlow } = await import('../flow.ts')
  const { keyOn, statefulMap } = await import('tidemark/operators')
  const batches = cut(payments, BATCH)
  return runFlow({
    nextPass: () => (laps.next() ? batches : null),
    steps: (stream) => stream.pipe(keyOn('account', accountOf), statefulMap('total', addPayment)),
    add: addPairs,
  })
}

/** As `tidemark`, but the state is an object that the user wrote. */
const tidemarkLogic = async (payments: readonly Payment[], laps: Laps): Promise<Outcome> => {
  const { runFlow } = await import('../flow.ts')
  const { StatefulLogic } = await import('tidemark')
  const { keyOn, keyRm, stateful } = await import('tidemark/operators')

  class Account extends StatefulLogic<Payment, number, Running> {
    #n: number
    #s: number

    constructor(resume: Running | null) {
      super()
      this.#n = resume?.n ?? 0
      this.#s = resume?.s ?? 0
    }

    override onItem(payment: Payment): [number] {
      this.#n += 1
      this.#s += payment.amount
      return [this.#s]
    }

    override snapshot(): Running {
      return { n: this.#n, s: this.#s }
    }
  }

  const batches = cut(payments, BATCH)
  return runFlow({
    nextPass: () => (laps.next() ? batches : null),
    steps: (stream) =>
      stream.pipe(
        keyOn('account', accountOf),
        stateful('total', (resume: Running | null) => new Account(resume)),
        keyRm('bare'),
      ),
    add: addTotals,
  })
}

type Payments = readonly Payment[]

export const plainVariants: Readonly<Record<string, Variant<Payments>>> = { hand, calls }

export const rxjsVariants: Readonly<Record<string, Variant<Payments>>> = {
  rxjs,
  'rxjs-map': rxjsWithMap,
}

export const tidemarkVariants: Readonly<
  Record<'tidemark' | 'tidemark-pairs' | 'tidemark-logic', Variant<Payments>>
> = {
  tidemark,
  'tidemark-pairs': tidemarkPairs,
  'tidemark-logic': tidemarkLogic,
}
