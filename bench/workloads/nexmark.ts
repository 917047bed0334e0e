/** NX-q0 ... NX-q22: the queries of Nexmark beside a hand loop each, as docs/nexmark.md describes. */

import { MEASURED } from '../nexmark/catalog.ts'
import { eventLines } from '../nexmark/lines.ts'
import { handTally, makeEvents, runGenerated, runHand, runQuery } from '../nexmark/measure.ts'
import type { PeerBounds, PeerPlan } from '../peers/peer.ts'
import { throughput } from '../throughput.ts'
import type { Gate, Variant, Workload } from '../workload.ts'

/** A whole number of the generator's cycles. */
const SIZE = 500_000

type Batches = ReturnType<typeof makeEvents>

/**
 * The events in batches, made when they are first asked for: a variant that makes its own has no
 * others beside it, whose memory would slow it down.
 */
class Events {
  readonly size: number
  #batches: Batches | null = null

  constructor(size: number) {
    this.size = size
  }

  get batches(): Batches {
    this.#batches ??= makeEvents(this.size)
    return this.#batches
  }
}

/** The queries that are measured with the generator in the loop, too. */
const GENERATED = new Set(['q0', 'q1', 'q2', 'q3'])

const STEP: PeerBounds = { floor: 1.5, aim: 3 }
const JOIN: PeerBounds = { floor: 3, aim: 7 }
const WINDOW: PeerBounds = { floor: 6, aim: 20 }

/** The queries that Flink is asked as well, and what is promised beside it. */
const FLINK: ReadonlyMap<string, PeerBounds> = new Map([
  ...['q0', 'q3', 'q4', 'q8'].map((id): [string, PeerBounds] => [id, STEP]),
  ...['q5', 'q9'].map((id): [string, PeerBounds] => [id, JOIN]),
  ...['q7', 'q11'].map((id): [string, PeerBounds] => [id, WINDOW]),
])

/** A pass is a job of its own there, as it is a run of its own here. */
const planOf = (id: string, flink: PeerBounds): PeerPlan<Events> => ({
  task: id,
  ours: 'tidemark',
  lines: ({ batches }) => eventLines(batches),
  span: 0,
  passes: 1,
  workers: [1],
  peers: { flink },
})

/** CPU seconds for 1e6 events: 1.0 and 1.9 million a second, which is five times a published figure. */
const generatedGate: Gate = { against: null, better: 'lower', floor: 1, aim: 0.526 }

export const nexmarkWorkload = (id: string): Workload => {
  const measured = MEASURED.find(({ query }) => `NX-${query.id}` === id)
  if (measured === undefined) throw new RangeError(`No Nexmark query "${id}".`)
  const { query, isStateless } = measured
  const flink = FLINK.get(query.id)
  const withGenerator = GENERATED.has(query.id)
  const label = `${id} ${query.title}`
  const variants: Record<string, Variant<Events>> = {
    hand: ({ batches }, laps) => runHand(measured, batches, laps),
    tidemark: ({ batches }, laps) => runQuery(measured, batches, laps),
  }
  if (withGenerator) {
    variants['tidemark-generated'] = ({ size }, laps) => runGenerated(measured, size, laps)
  }
  return throughput({
    id,
    title: `Nexmark ${query.id}, ${query.title}`,
    rows: [
      { label, ours: 'tidemark', gates: [], group: isStateless ? STATELESS : STATEFUL },
      ...(withGenerator
        ? [
            {
              label: `${id} generator in the loop`,
              ours: 'tidemark-generated',
              gates: [generatedGate],
            },
          ]
        : []),
    ],
    size: SIZE,
    items: (size) => size,
    input: (size) => new Events(size),
    expected: ({ batches }, passes) => handTally(measured, batches, passes),
    variants,
    plans: flink === undefined ? [] : [planOf(id, flink)],
  })
}

/** What is promised of the queries together: the geometric mean of their ratios. */
const STATELESS = { name: 'Nexmark, stateless queries', against: 'hand', floor: 0.25, aim: 0.5 }
const STATEFUL = { name: 'Nexmark, stateful queries', against: 'hand', floor: 0.25, aim: 0.4 }
