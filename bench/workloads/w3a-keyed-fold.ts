/** W3a: a running sum over 1e3 string keys, an output for every item. */

import { PASS } from '../data.ts'
import { throughput } from '../throughput.ts'
import type { Gate, Workload } from '../workload.ts'
import {
  expectedRunning,
  makePayments,
  paymentLines,
  plainVariants,
  rxjsVariants,
  tidemarkVariants,
} from './keyed-fold.ts'

const KEYS = 1000
const gates: readonly Gate[] = [
  { against: 'hand', better: 'higher', floor: 0.4, aim: 0.7 },
  { against: 'rxjs', better: 'higher', floor: 3, aim: 8 },
]

export const workload: Workload = throughput({
  id: 'W3a',
  title: 'keyed running fold, 1e3 string keys, an output per item',
  rows: [
    { label: 'W3a keyed fold, 1e3 keys (statefulMap)', ours: 'tidemark', gates },
    { label: 'W3a with a StatefulLogic of the user', ours: 'tidemark-logic', gates },
    { label: 'W3a, the sink gets [key, value] pairs', ours: 'tidemark-pairs', gates: [] },
  ],
  size: PASS,
  items: (size) => size,
  input: (size) => makePayments(size, KEYS),
  expected: expectedRunning,
  variants: { ...plainVariants, ...rxjsVariants, ...tidemarkVariants },
  plans: [
    {
      task: 'W3a',
      ours: 'tidemark',
      lines: paymentLines,
      span: 0,
      passes: 2,
      peers: { bytewax: { floor: 25, aim: 45 }, jet: null, flink: { floor: 1.5, aim: 3 } },
    },
  ],
})
