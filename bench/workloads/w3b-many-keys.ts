/** W3b: the fold of W3a over 1e6 keys: no cache holds them, so memory sets the pace. */

import { throughput } from '../throughput.ts'
import type { Workload } from '../workload.ts'
import {
  expectedRunning,
  makePayments,
  paymentLines,
  plainVariants,
  tidemarkVariants,
} from './keyed-fold.ts'

const KEYS = 1_000_000
/** Twice the usual pass, so that every key occurs in it. */
const SIZE = 1_048_576

export const workload: Workload = throughput({
  id: 'W3b',
  title: 'keyed running fold, 1e6 string keys, an output per item',
  rows: [
    {
      label: 'W3b keyed fold, 1e6 keys (statefulMap)',
      ours: 'tidemark',
      gates: [{ against: 'hand', better: 'higher', floor: 0.6, aim: 0.9 }],
    },
    {
      label: 'W3b with a StatefulLogic of the user',
      ours: 'tidemark-logic',
      gates: [{ against: 'hand', better: 'higher', floor: 0.6, aim: 0.9 }],
    },
  ],
  size: SIZE,
  items: (size) => size,
  input: (size) => makePayments(size, Math.min(KEYS, size)),
  expected: expectedRunning,
  variants: {
    ...plainVariants,
    tidemark: tidemarkVariants.tidemark,
    'tidemark-logic': tidemarkVariants['tidemark-logic'],
  },
  plans: [
    {
      task: 'W3b',
      ours: 'tidemark',
      lines: paymentLines,
      span: 0,
      passes: 1,
      peers: { bytewax: { floor: 12, aim: 22 }, jet: null, flink: { floor: 1.5, aim: 3 } },
    },
  ],
})
