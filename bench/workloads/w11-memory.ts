/**
 * W11: bytes a key costs while its state is live: 1e6 string keys with a count and a sum.
 *
 * The heap is read after a collection, before the first item and when every item has been through.
 * The keys themselves belong to the input and count for nobody.
 */

import { groupBy, mergeMap, Observable, scan } from 'rxjs'
import { BATCH, cut, makeKeys } from '../data.ts'
import {
  type Checked,
  type Pace,
  pickVariant,
  type Sample,
  type Workload,
  WrongResultError,
} from '../workload.ts'
import type { Running } from './keyed-fold.ts'

const KEYS = 1_000_000
/** Fewer keys for RxJS, which takes gigabytes for a million. */
const RXJS_KEYS = 100_000

interface Held {
  readonly bytes: number
  /** Keys that have been through, to show that what was weighed was all there. */
  readonly seen: number
}

const heapBytes = (): number => {
  const collect = globalThis.gc
  if (collect === undefined) throw new Error('Run this workload with --expose-gc.')
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const count = (state: Running | null, _key: string): [Running, number] => {
  const next = state ?? { n: 0, s: 0 }
  next.n += 1
  next.s += 3
  return [next, next.n]
}

const weighMap = (keys: readonly string[]): Held => {
  const before = heapBytes()
  const states = new Map<string, Running>()
  for (const key of keys) states.set(key, { n: 1, s: 3 })
  const bytes = heapBytes() - before
  return { bytes, seen: states.size }
}

const weighRxjs = (keys: readonly string[]): Held => {
  let bytes = 0
  let seen = 0
  const before = heapBytes()
  new Observable<string>((subscriber) => {
    for (const key of keys) subscriber.next(key)
    bytes = heapBytes() - before
    subscriber.complete()
  })
    .pipe(
      groupBy((key) => key),
      mergeMap((group) =>
        group.pipe(scan((state: Running | null, key) => count(state, key)[0], null)),
      ),
    )
    .subscribe(() => {
      seen += 1
    })
  return { bytes, seen }
}

const weighFlow = async (keys: readonly string[]): Promise<Held> => {
  const { holdFlow } = await import('../hold-flow.ts')
  const { keyOn, statefulMap } = await import('tidemark/operators')
  let before = 0
  let bytes = 0
  const seen = await holdFlow({
    batches: cut(keys, BATCH),
    steps: (stream) =>
      stream.pipe(
        keyOn('key', (key) => key),
        statefulMap('count', count),
      ),
    onStart: () => {
      before = heapBytes()
    },
    onHeld: () => {
      bytes = heapBytes() - before
    },
  })
  return { bytes, seen }
}

const variants: Readonly<
  Record<
    string,
    { readonly keys: number; readonly weigh: (keys: readonly string[]) => Held | Promise<Held> }
  >
> = {
  map: { keys: KEYS, weigh: weighMap },
  rxjs: { keys: RXJS_KEYS, weigh: weighRxjs },
  tidemark: { keys: KEYS, weigh: weighFlow },
}

const weigh = async (name: string, size: number): Promise<{ held: Held; checked: Checked }> => {
  const held = await pickVariant(variants, name).weigh(makeKeys(size))
  const checked = { got: { count: held.seen, sum: 0 }, expected: { count: size, sum: 0 } }
  return { held, checked }
}

export const workload: Workload = {
  id: 'W11',
  title: 'heap bytes per key, {n, s}, 1e6 string keys',
  unit: 'bytes a key',
  rows: [
    {
      label: 'W11 memory per key, to a bare Map',
      ours: 'tidemark',
      gates: [{ against: 'map', better: 'lower', floor: 2, aim: 1.3 }],
    },
  ],
  variants: Object.keys(variants),

  async measure(variant: string, _pace: Pace): Promise<Sample> {
    const { keys } = pickVariant(variants, variant)
    const { held, checked } = await weigh(variant, keys)
    if (checked.got.count !== keys) throw new WrongResultError(variant, checked)
    return {
      cost: held.bytes / keys,
      rssMb: process.resourceUsage().maxRSS / 1024,
      passes: 1,
    }
  },

  async check(variant: string, size: number): Promise<Checked> {
    return (await weigh(variant, size)).checked
  },
}
