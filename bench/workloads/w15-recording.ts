/**
 * W15: what it costs to be looked at: W1 and W3a as they are, scraped for metrics every second, and
 * traced with one epoch in a hundred sampled.
 *
 * Epochs last 100 ms here, a hundredth of the usual, so that the sampled ones come to pass.
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Stream } from 'tidemark'
import { BATCH, cut, PASS } from '../data.ts'
import type { Watched } from '../flow.ts'
import { throughput } from '../throughput.ts'
import type { Gate, Laps, Outcome, Row, Workload } from '../workload.ts'
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

const KEYS = 1000
const EPOCH = 100
const SCRAPE = 1000
const RATIO = 0.01

interface Input {
  readonly orders: readonly Order[]
  readonly payments: Payments
}

type Way = 'plain' | 'scraped' | 'traced'

/** Scrapes the flow, as a server of metrics does; gives what ends that. */
const scraped: Watched = {
  options: { epochInterval: EPOCH },
  look: async (execution) => {
    const { openMetrics } = await import('tidemark/ops')
    const page = openMetrics(execution, { flow: 'bench' })
    const timer = setInterval(() => void page.read(), SCRAPE)
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
    const { runFlow } = await import('../flow.ts')
    const { filter, map } = await import('tidemark/operators')
    const batches = cut(orders, BATCH)
    return watching(way, (watched) =>
      runFlow({
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
    const { runFlow } = await import('../flow.ts')
    const { keyOn, keyRm, statefulMap } = await import('tidemark/operators')
    const batches = cut(payments, BATCH)
    return watching(way, (watched) =>
      runFlow({
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

/** Recording costs less than 2 %: the speed beside the same flow unwatched. */
const gates = (against: string): readonly Gate[] => [
  { against, better: 'higher', floor: 0.95, aim: 0.98 },
]

const rows: readonly Row[] = [
  { label: 'W15 W1 scraped every second, to not', ours: 'w1-scraped', gates: gates('w1') },
  { label: 'W15 W1 traced, 1 % of epochs, to not', ours: 'w1-traced', gates: gates('w1') },
  { label: 'W15 W3a scraped every second, to not', ours: 'w3a-scraped', gates: gates('w3a') },
  { label: 'W15 W3a traced, 1 % of epochs, to not', ours: 'w3a-traced', gates: gates('w3a') },
]

export const workload: Workload = throughput({
  id: 'W15',
  title: 'what metrics and tracing cost, on W1 and W3a',
  rows,
  size: PASS,
  items: (size) => size,
  input: (size): Input => ({ orders: makeOrders(size), payments: makePayments(size, KEYS) }),
  expected: ({ orders, payments }, passes, variant) =>
    variant.startsWith('w1') ? expectedOrders(orders, passes) : expectedRunning(payments, passes),
  variants: {
    w1: chain('plain'),
    'w1-scraped': chain('scraped'),
    'w1-traced': chain('traced'),
    w3a: fold('plain'),
    'w3a-scraped': fold('scraped'),
    'w3a-traced': fold('traced'),
  },
})
