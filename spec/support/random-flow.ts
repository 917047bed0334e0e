import fc from 'fast-check'
import { type Dataflow, dataflow, type Stream } from 'tidemark'
import {
  branch,
  filter,
  foldFinal,
  join,
  keyOn,
  keyRm,
  map,
  mapAsync,
  merge,
  redistribute,
  statefulMap,
} from 'tidemark/operators'
import { PartsSource } from './parts-source.ts'
import { PositionSink } from './position-sink.ts'

/** An item that can be told from every other, and where it came from. */
interface Numbered {
  readonly id: number
  readonly part: number
}

const STAGE_NAMES = [
  'map',
  'filter',
  'key',
  'branch',
  'redistribute',
  'two',
  'async',
  'final',
  'join',
] as const

type Stage = (typeof STAGE_NAMES)[number]

export interface FlowPlan {
  readonly stages: readonly Stage[]
  /** Items of each source partition. */
  readonly sizes: readonly number[]
  readonly batchSize: number
  readonly slowSource: boolean
  readonly slowSink: boolean
}

export const flowPlan: fc.Arbitrary<FlowPlan> = fc.record({
  stages: fc.array(fc.constantFrom<Stage>(...STAGE_NAMES), { maxLength: 5 }),
  sizes: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 }),
  batchSize: fc.constantFrom(1, 2, 7, 1000),
  slowSource: fc.boolean(),
  slowSink: fc.boolean(),
})

export interface RandomFlow {
  readonly flow: Dataflow
  readonly sink: PositionSink<string>
  readonly source: PartsSource<Numbered>
}

const KEYS = 5

/**
 * A flow of the stages of a plan, whose output does not depend on the order between keys, merges
 * and workers: ids of items, for each keyed stage and key the numbers from one up, and sums.
 */
export const randomFlow = (plan: FlowPlan): RandomFlow => {
  const flow = dataflow('random')
  let id = 0
  const source = new PartsSource<Numbered>(
    plan.sizes.map((size, part) => Array.from({ length: size }, () => ({ id: id++, part }))),
    { batchSize: plan.batchSize, slow: plan.slowSource ? 20 : 0 },
  )
  const sink = new PositionSink<string>(3, plan.slowSink ? 20 : 0)
  let stream: Stream<Numbered> = flow.input('in', source)
  const counts: Stream<string>[] = []
  plan.stages.forEach((stage, at) => {
    stream = STAGES[stage](stream, `s${at}`, counts)
  })
  const ids = stream.pipe(map('ids', ({ id: each, part }) => `${part}/${each}`))
  const all = counts.length === 0 ? ids : ids.pipe(merge('all', ...counts))
  all.pipe(keyOn('spread', (text) => String(text.length % 3) + text.slice(-1))).output('out', sink)
  return { flow, sink, source }
}

type Place = (up: Stream<Numbered>, id: string, counts: Stream<string>[]) => Stream<Numbered>

const STAGES: Readonly<Record<Stage, Place>> = {
  map: (up, id) => up.pipe(map(id, (item) => ({ ...item }))),
  filter: (up, id) => up.pipe(filter(id, (item) => item.id % 7 !== 3)),
  redistribute: (up, id) => up.pipe(redistribute(id)),
  branch: (up, id) => {
    const { trues, falses } = branch<Numbered>(`${id}-branch`, (item) => item.id % 2 === 0)(up)
    return trues.pipe(merge(`${id}-merge`, falses))
  },
  key: (up, id, counts) => {
    const counted = up.pipe(
      keyOn(`${id}-key`, (item) => `k${item.id % KEYS}`),
      statefulMap(`${id}-count`, (count: number | null, item) => [
        (count ?? 0) + 1,
        { item, count: (count ?? 0) + 1 },
      ]),
    )
    counts.push(counted.pipe(map(`${id}-text`, ([key, { count }]) => `${id} ${key} ${count}`)))
    return counted.pipe(
      keyRm(`${id}-rm`),
      map(`${id}-item`, ({ item }) => item),
    )
  },
  async: (up, id) => up.pipe(mapAsync(id, async (item) => item, { concurrency: 4 })),
  final: (up, id, counts) => {
    const sums = up.pipe(
      keyOn(`${id}-key`, (item) => `k${item.id % KEYS}`),
      foldFinal(
        `${id}-sum`,
        () => 0,
        (sum: number, item) => sum + item.id,
      ),
      map(`${id}-text`, ([key, sum]) => `${id} ${key} sum ${sum}`),
    )
    counts.push(sums)
    return up
  },
  join: (up, id) => {
    const left = up.pipe(keyOn(`${id}-left`, (item) => `i${item.id}`))
    const right = up.pipe(keyOn(`${id}-right`, (item) => `i${item.id}`))
    return join(`${id}-join`, [left, right]).pipe(
      keyRm(`${id}-rm`),
      map(`${id}-item`, ([item]) => item),
    )
  },
  two: (up, id, counts) => STAGES.key(STAGES.key(up, `${id}-1`, counts), `${id}-2`, counts),
}
