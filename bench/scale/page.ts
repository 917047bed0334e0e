import { cpus, platform } from 'node:os'
import { table } from '../report.ts'
import type { Counted } from './counting.ts'
import { CHANNELS, type Costs, exponentOf, type Prediction } from './model.ts'

export interface ScalePage {
  readonly command: string
  readonly date: Date
  /** Runs of the whole engine. */
  readonly counted: readonly Counted[]
  /** Frames that one batch of one sender becomes, by the number of workers. */
  readonly sent: readonly Prediction[]
  readonly costs: Costs
  /** For batches as the source gives them, and for large ones. */
  readonly predictions: readonly { readonly items: number; readonly rows: readonly Prediction[] }[]
}

const KINDS = ['batches', 'watermarks', 'frontiers', 'credits', 'controls'] as const

const growth = (counted: readonly Counted[], kind: (typeof KINDS)[number]): string => {
  if (counted.some(({ counts }) => counts[kind] === 0)) return '-'
  const points = counted.map(({ workers, counts }) => [workers, counts[kind]] as const)
  return exponentOf(points).toFixed(2)
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`
const millions = (rate: number): string => `${(rate / 1e6).toPrecision(3)} M/s`
const micros = (cost: number): string => `${cost.toPrecision(2)} us`

const countedTable = (counted: readonly Counted[]): string =>
  table(
    ['workers', 'items crossing', ...KINDS],
    [
      ...counted.map(({ workers, counts }) =>
        [workers, counts.items, ...KINDS.map((kind) => counts[kind])].map(String),
      ),
      ['power of workers', '-', ...KINDS.map((kind) => growth(counted, kind))],
    ],
  )

/** The text of docs/scaling.md. */
export const scalingPage = (page: ScalePage): string => {
  const { command, date, counted, sent, costs, predictions } = page
  const load = counted[0]?.load ?? { batches: 0, items: 0 }
  return `# Scaling

Written by \`${command}\` on ${date.toISOString().slice(0, 10)}; not edited by hand. Counts come from
simulation and are the same on every machine; microseconds were measured on
${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, ${platform()}, Node ${process.version}.
Nobody has run 1000 workers: what is said of them is a prediction.

## What crosses, counted

The whole engine on virtual time: readings get watermarks, are keyed, and are folded in tumbling
windows. Each worker reads one partition of ${load.batches} batches of ${load.items} items. The last
line is the power of the number of workers with which a column grows, all workers together.

${countedTable(counted)}

- **Control messages and credits do not grow faster than workers and items.** The pacing worker tells
  each worker of an epoch once. A channel grants credit once it has taken so many items, so there are
  never more credits than that share of the items; a channel that has had few has granted none.
- **Watermarks and barriers grow with its square.** Each worker tells each other one, on each edge
  that crosses. For one worker that is one message to each of the others: what it sends, takes and
  spends on them grows with the number of workers, no faster.
- **A batch breaks up**: into at most one frame for each other worker, and never more frames than it
  has items. With more workers its frames get smaller.

So the aim of O(W log W) control messages holds for pace and credit. It does **not** hold for
watermarks and barriers, and the frames of a batch do grow with W until each holds one item. Why that
is left so, and what would take its place, is in DECISIONS.md under "Every worker tells every worker
how far it is". A mailbox takes such a message in log W steps: nobody walks through all channels for it.

## One batch of ${load.items} items, from one worker

The engine's own router and exchange, up to 1024 workers:

${table(
  ['workers', 'frames', 'items a frame', 'watermarks'],
  sent.map(({ workers, frames }) =>
    [workers, frames, (load.items * (workers - 1)) / workers / frames, workers - 1].map((value) =>
      Number.isInteger(value) ? String(value) : value.toFixed(1),
    ),
  ),
)}

## What it costs

| for | CPU time, both ends |
|-----|---------------------|
| an item in source and operators | ${micros(costs.work)} |
| an item that crosses | ${micros(costs.item)} |
| a frame | ${micros(costs.frame)} |
| a watermark, barrier or credit | ${micros(costs.progress)} |
| a watermark, taken from a mailbox of ${CHANNELS} channels | ${micros(costs.mailbox)} |

## Predicted

A worker takes a batch, sends it and its watermark, and is sent as much. Network, waiting and skew
are not in it, so it is a bound from above. Lost is the share of the time that frames and progress
take from items; watermarks alone take the next column's.

${predictions
  .map(
    ({ items, rows }) => `Batches of ${items}:

${table(
  ['workers', 'lost', 'to watermarks', 'all workers', 'one worker'],
  rows.map(({ workers, overhead, progress, rate }) => [
    String(workers),
    percent(overhead),
    percent(progress),
    millions(rate),
    millions(rate / workers),
  ]),
)}
`,
  )
  .join('\n')}
## What to change first

1. **Larger batches at the source.** Frames and watermarks are paid once a batch: see the two tables.
2. **Two hops.** Send a batch to the host, which sorts for its workers: frames are larger by the number
   of workers of a host.
3. **Fold before the exchange** where the fold can be merged: fewer items cross at all.
4. **Barriers through one worker an edge.** Each tells it how many batches of the epoch it has sent to
   whom; it tells each how many to await, and what time it is everywhere: 2 W messages an epoch.
`
}
