/**
 * W15: what it costs to be looked at: W1 and W3a as they are, scraped for metrics every second, and
 * traced with one epoch in a hundred sampled.
 *
 * Epochs last 100 ms here, a hundredth of the usual, so that the sampled ones come to pass. The two
 * ways take turns within one process, since two processes differ by more than what is looked for.
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Stream } from 'tidemark'
import { BATCH, cut } from '../data.ts'
import type { Watched } from '../flow.ts'
import { cpuMs, TurnLaps } from '../laps.ts'
import { median } from '../statistics.ts'
import {
  type Gate,
  type Laps,
  type Outcome,
  type Pace,
  pickVariant,
  type Row,
  type Sample,
  type Tally,
  type Workload,
  WrongResultError,
} from '../workload.ts'
import { accountOf, addPayment, expectedRunning, makePayments } from './keyed-fold.ts'
import {
  addOrders,
  discounted,
  expectedOrders,
  isEven,
  isUneven,
  makeOrders,
  type Order,
  tripled,
  withFee,
} from './w1-chain.ts'

type Payments = ReturnType<typeof makePayments>

/** Items of a pass: turns end with one. */
const PASS = 131_072
const KEYS = 1000
const EPOCH = 100
const SCRAPE = 1000
const LOOK = 20
const RATIO = 0.01
/** Watched turns for each slice that others time. */
const TURNS = 2

interface Input {
  readonly orders: readonly Order[]
  readonly payments: Payments
}

type Way = 'plain' | 'scraped' | 'traced'

/**
 * Scrapes the flow, as a server of metrics does; gives what ends that. The seconds are those of CPU
 * time, which are as long as any where a flow has a core for itself: else neighbors would decide how
 * many scrapes there are for a million items.
 */
const scraped: Watched = {
  options: { epochInterval: EPOCH },
  look: async (execution) => {
    const { openMetrics } = await import('tidemark/ops')
    const page = openMetrics(execution, { flow: 'bench' })
    let next = cpuMs() + SCRAPE
    const timer = setInterval(() => {
      if (cpuMs() < next) return
      next += SCRAPE
      void page.read()
    }, LOOK)
    return () => clearInterval(timer)
  },
}

const plain: Watched = { options: { epochInterval: EPOCH }, look: async () => () => {} }

/** A collector in this process: what it costs to take the spans is counted, too. */
const withCollector = async (run: (watched: Watched) => Promise<Outcome>): Promise<Outcome> => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{}'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { setupTracing } = await import('tidemark/ops')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`
  const tracing = await setupTracing({ endpoint, samplingRatio: RATIO })
  try {
    return await run({ ...plain, options: { ...plain.options, tracing } })
  } finally {
    await tracing.shutdown()
    server.closeAllConnections()
    server.close()
  }
}

const watching = (way: Way, run: (watched: Watched) => Promise<Outcome>): Promise<Outcome> =>
  way === 'traced' ? withCollector(run) : run(way === 'scraped' ? scraped : plain)

const chain =
  (way: Way) =>
  async ({ orders }: Input, laps: Laps): Promise<Outcome> => {
    const { runOnce } = await import('../flow.ts')
    const { filter, map } = await import('tidemark/operators')
    const batches = cut(orders, BATCH)
    return watching(way, (watched) =>
      runOnce({
        nextPass: () => (laps.next() ? batches : null),
        steps: (stream: Stream<Order>) =>
          stream.pipe(
            map('fee', withFee),
            filter('even', isEven),
            map('triple', tripled),
            map('discount', discounted),
            filter('uneven', isUneven),
          ),
        add: addOrders,
        watched,
      }),
    )
  }

const fold =
  (way: Way) =>
  async ({ payments }: Input, laps: Laps): Promise<Outcome> => {
    const { runOnce } = await import('../flow.ts')
    const { keyOn, keyRm, statefulMap } = await import('tidemark/operators')
    const batches = cut(payments, BATCH)
    return watching(way, (watched) =>
      runOnce({
        nextPass: () => (laps.next() ? batches : null),
        steps: (stream: Stream<Payments[number]>) =>
          stream.pipe(keyOn('account', accountOf), statefulMap('total', addPayment), keyRm('bare')),
        add: (totals: readonly number[], before) => {
          let sum = before
          for (let i = 0; i < totals.length; i += 1) sum = (sum + (totals[i] as number)) | 0
          return sum
        },
        watched,
      }),
    )
  }

type Run = (way: Way) => (input: Input, laps: Laps) => Promise<Outcome>

/** A flow, and its right answer after so many passes. */
interface Subject {
  readonly run: Run
  readonly expected: (input: Input, passes: number) => Tally
}

const W1: Subject = {
  run: chain,
  expected: ({ orders }, passes) => expectedOrders(orders, passes),
}
const W3A: Subject = {
  run: fold,
  expected: ({ payments }, passes) => expectedRunning(payments, passes),
}

interface Pair {
  readonly subject: Subject
  readonly way: Way
}

const variants: Readonly<Record<string, Pair>> = {
  'w1-scraped': { subject: W1, way: 'scraped' },
  'w1-traced': { subject: W1, way: 'traced' },
  'w3a-scraped': { subject: W3A, way: 'scraped' },
  'w3a-traced': { subject: W3A, way: 'traced' },
}

/** CPU time of a pass in one turn. */
const turn = async ({ subject, way }: Pair, input: Input, pace: Pace): Promise<number> => {
  const laps = new TurnLaps(pace)
  await subject.run(way)(input, laps)
  return laps.cpuMs
}

/** One turn whose answer is checked; it teaches the compiler, too. */
const firstTurn = async ({ subject, way }: Pair, input: Input, pace: Pace): Promise<void> => {
  const laps = new TurnLaps(pace)
  const got = await subject.run(way)(input, laps)
  const expected = subject.expected(input, laps.passes)
  if (got.count !== expected.count || got.sum !== expected.sum) {
    throw new WrongResultError(way, { got, expected })
  }
}

/** The speed of each watched turn as a share of that of the plain ones before and after it. */
const shares = async (pair: Pair, input: Input, pace: Pace): Promise<number[]> => {
  const plainPair = { ...pair, way: 'plain' } as const
  await firstTurn(pair, input, pace)
  await firstTurn(plainPair, input, pace)
  const found: number[] = []
  let before = await turn(plainPair, input, pace)
  for (let at = 0; at < TURNS * pace.slices; at += 1) {
    const watched = await turn(pair, input, pace)
    const after = await turn(plainPair, input, pace)
    found.push((before + after) / 2 / watched)
    before = after
  }
  return found
}

/** Recording costs less than 2 %. */
const gates: readonly Gate[] = [{ against: null, better: 'higher', floor: 0.98, aim: 0.99 }]

const rows: readonly Row[] = [
  { label: 'W15 W1 scraped every second, to not', ours: 'w1-scraped', gates },
  { label: 'W15 W1 traced, 1 % of epochs, to not', ours: 'w1-traced', gates },
  { label: 'W15 W3a scraped every second, to not', ours: 'w3a-scraped', gates },
  { label: 'W15 W3a traced, 1 % of epochs, to not', ours: 'w3a-traced', gates },
]

export const workload: Workload = {
  id: 'W15',
  title: 'what metrics and tracing cost, on W1 and W3a',
  unit: 'speed, as a share of that unwatched',
  rows,
  variants: Object.keys(variants),

  async measure(variant: string, pace: Pace): Promise<Sample> {
    const input = { orders: makeOrders(PASS), payments: makePayments(PASS, KEYS) }
    const found = await shares(pickVariant(variants, variant), input, pace)
    const rssMb = process.resourceUsage().maxRSS / 1024
    return { cost: median(found), rssMb, passes: found.length }
  },

  check: async () => null,
}
