import type { DurationCounts } from '../../lib/actor/durations.ts'
import type { LinkNow } from '../../lib/exchange/network.ts'
import type { LoopDelay } from '../../lib/runtime/loop-delay.ts'
import type { StepNow, WorkerFacts } from '../../lib/worker/worker-facts.ts'

/** What is known at the time of a scrape. */
export interface Scrape {
  readonly flow: string
  readonly workers: readonly WorkerFacts[]
  /** Of the thread that answers. */
  readonly loopDelay: LoopDelay
  /** Seconds since an epoch was last committed; `null` before the first. */
  readonly sinceCommit: number | null
  /** Wall-clock time, epoch milliseconds. */
  readonly now: number
}

type Labels = Readonly<Record<string, string | number>>

interface Named {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
}

export interface ScalarMetric extends Named {
  readonly type: 'counter' | 'gauge'
  readonly read: (scrape: Scrape) => readonly (readonly [Labels, number])[]
}

export interface HistogramMetric extends Named {
  readonly type: 'histogram'
  readonly read: (scrape: Scrape) => readonly (readonly [Labels, DurationCounts])[]
}

export type CataloguedMetric = ScalarMetric | HistogramMetric

const OF_STEP = ['step', 'worker']
const OF_WORKER = ['worker']
const OF_LINK = ['worker', 'to']

type OfStep = (step: StepNow, scrape: Scrape) => number | null
type OfWorker = (worker: WorkerFacts) => number | null

/** A number for each step; none where it is `null`. */
const perStep =
  (read: OfStep): ScalarMetric['read'] =>
  (scrape) =>
    scrape.workers.flatMap(({ worker, steps }) =>
      steps.flatMap((step) => {
        const value = read(step, scrape)
        return value === null ? [] : [[{ step: step.step, worker }, value] as const]
      }),
    )

const perWorker =
  (read: OfWorker): ScalarMetric['read'] =>
  ({ workers }) =>
    workers.flatMap((worker) => {
      const value = read(worker)
      return value === null ? [] : [[{ worker: worker.worker }, value] as const]
    })

/** Counts that a worker keeps by the ids of steps. */
const counted =
  (read: (worker: WorkerFacts) => readonly (readonly [string, number])[]): ScalarMetric['read'] =>
  ({ workers }) =>
    workers.flatMap((facts) =>
      read(facts).map(([step, value]) => [{ step, worker: facts.worker }, value] as const),
    )

const perLink =
  (read: (link: LinkNow) => number): ScalarMetric['read'] =>
  ({ workers }) =>
    workers.flatMap(({ worker, links }) =>
      links.map((link) => [{ worker, to: link.to }, read(link)] as const),
    )

const skewOf = (workers: readonly WorkerFacts[]): readonly (readonly [Labels, number])[] => {
  const keysOf = new Map<string, number[]>()
  for (const { steps } of workers) {
    for (const { step, keys } of steps) {
      if (keys !== null) keysOf.set(step, [...(keysOf.get(step) ?? []), keys])
    }
  }
  return [...keysOf].flatMap(([step, counts]) => {
    const total = counts.reduce((sum, count) => sum + count, 0)
    return total === 0 ? [] : [[{ step }, (Math.max(...counts) * counts.length) / total] as const]
  })
}

/** Everything that is measured, in the order of `docs/metrics.md`. */
export const CATALOGUE: readonly CataloguedMetric[] = [
  {
    name: 'tidemark_flow_info',
    type: 'gauge',
    help: 'Always 1; the flow that runs.',
    labels: ['flow'],
    read: ({ flow }) => [[{ flow }, 1]],
  },
  {
    name: 'tidemark_items_in_total',
    type: 'counter',
    help: 'Items a step took; of a source, items it read.',
    labels: OF_STEP,
    read: perStep(({ itemsIn }) => itemsIn),
  },
  {
    name: 'tidemark_items_out_total',
    type: 'counter',
    help: 'Items that left a step, by the number of the output.',
    labels: [...OF_STEP, 'output'],
    read: ({ workers }) =>
      workers.flatMap(({ worker, steps }) =>
        steps.flatMap(({ fused, itemsOut }) =>
          Array.from(itemsOut, (items, output) => [
            { step: fused.at(-1) ?? '', worker, output },
            items ?? 0,
          ]),
        ),
      ),
  },
  {
    name: 'tidemark_batch_duration_seconds',
    type: 'histogram',
    help: 'How long a step took for a batch, or a source for a poll that gave something.',
    labels: OF_STEP,
    read: ({ workers }) =>
      workers.flatMap(({ worker, steps }) =>
        steps.map(({ step, batches }) => [{ step, worker }, batches] as const),
      ),
  },
  {
    name: 'tidemark_latency_seconds',
    type: 'histogram',
    help: 'Of a sink: from the end of an epoch at the sources until everything of it was written.',
    labels: OF_STEP,
    read: ({ workers }) =>
      workers.flatMap(({ worker, steps }) =>
        steps.flatMap(({ step, latency }) =>
          latency === null ? [] : [[{ step, worker }, latency] as const],
        ),
      ),
  },
  {
    name: 'tidemark_queue_items',
    type: 'gauge',
    help: 'Items in the mailbox of a step.',
    labels: OF_STEP,
    read: perStep(({ queuedItems }) => queuedItems),
  },
  {
    name: 'tidemark_queue_signals',
    type: 'gauge',
    help: 'Batches and progress in the mailbox of a step.',
    labels: OF_STEP,
    read: perStep(({ queuedSignals }) => queuedSignals),
  },
  {
    name: 'tidemark_queue_bytes',
    type: 'gauge',
    help: 'About what the items in the mailbox of a step take in memory, by a look at a few of them.',
    labels: OF_STEP,
    read: perStep(({ queuedBytes }) => queuedBytes),
  },
  {
    name: 'tidemark_step_blocked',
    type: 'gauge',
    help: '1 while a step waits for room downstream or for calls that are under way.',
    labels: OF_STEP,
    read: perStep(({ blocked }) => Number(blocked)),
  },
  {
    name: 'tidemark_step_epoch',
    type: 'gauge',
    help: 'The epoch that a step works in: its frontier.',
    labels: OF_STEP,
    read: perStep(({ frontier }) => frontier),
  },
  {
    name: 'tidemark_source_partitions',
    type: 'gauge',
    help: 'Source partitions that are being read.',
    labels: OF_STEP,
    read: perStep(({ partitions }) => partitions),
  },
  {
    name: 'tidemark_source_lag_items',
    type: 'gauge',
    help: 'Items of a source partition that are there and were not read yet, where it knows.',
    labels: [...OF_STEP, 'partition'],
    read: ({ workers }) =>
      workers.flatMap(({ worker, steps }) =>
        steps.flatMap(({ step, lags }) =>
          lags.map(([partition, items]) => [{ step, worker, partition }, items] as const),
        ),
      ),
  },
  {
    name: 'tidemark_watermark_seconds',
    type: 'gauge',
    help: 'The watermark that has reached a step, as a Unix time.',
    labels: OF_STEP,
    read: perStep(({ watermark }) => (watermark === null ? null : watermark / 1000)),
  },
  {
    name: 'tidemark_watermark_lag_seconds',
    type: 'gauge',
    help: 'How far the watermark of a step is behind the clock.',
    labels: OF_STEP,
    read: perStep(({ watermark }, { now }) =>
      watermark === null ? null : (now - watermark) / 1000,
    ),
  },
  {
    name: 'tidemark_late_items_total',
    type: 'counter',
    help: 'Values that came too late, once for each window they would have belonged to.',
    labels: OF_STEP,
    read: perStep(({ late }) => late),
  },
  {
    name: 'tidemark_state_keys',
    type: 'gauge',
    help: 'Keys for which a step keeps state.',
    labels: OF_STEP,
    read: perStep(({ keys }) => keys),
  },
  {
    name: 'tidemark_state_keys_skew',
    type: 'gauge',
    help: 'Keys on the worker that has most of them, to the mean over the workers of the page.',
    labels: ['step'],
    read: ({ workers }) => skewOf(workers),
  },
  {
    name: 'tidemark_state_bytes',
    type: 'gauge',
    help: 'What the state of a step takes in the store, by the mean of the rows packed so far.',
    labels: OF_STEP,
    read: perStep(({ stateBytes }) => stateBytes),
  },
  {
    name: 'tidemark_skipped_items_total',
    type: 'counter',
    help: 'Failed items that a step passed over, dead letters included.',
    labels: OF_STEP,
    read: counted(({ skipped }) => skipped),
  },
  {
    name: 'tidemark_dead_letters_total',
    type: 'counter',
    help: 'Failed items that a step gave to its dead-letter sink.',
    labels: OF_STEP,
    read: counted(({ deadLettered }) => deadLettered),
  },
  {
    name: 'tidemark_circuit_open',
    type: 'gauge',
    help: 'Of a step whose policy has a circuit: 1 while it rests, 0.5 while one try decides, else 0.',
    labels: OF_STEP,
    read: counted(({ circuits }) =>
      circuits.map(([step, state]) => [step, state === 'open' ? 1 : state === 'closed' ? 0 : 0.5]),
    ),
  },
  {
    name: 'tidemark_circuit_openings_total',
    type: 'counter',
    help: 'How often the circuit of a step has opened.',
    labels: OF_STEP,
    read: counted(({ circuits }) => circuits.map(([step, , opened]) => [step, opened])),
  },
  {
    name: 'tidemark_epoch',
    type: 'gauge',
    help: 'The epoch that is open.',
    labels: OF_WORKER,
    read: perWorker(({ epoch }) => epoch),
  },
  {
    name: 'tidemark_committed_epoch',
    type: 'gauge',
    help: 'Every epoch before this one is complete, and durable where snapshots are kept.',
    labels: OF_WORKER,
    read: perWorker(({ committed }) => committed),
  },
  {
    name: 'tidemark_unfinished_epochs',
    type: 'gauge',
    help: 'Epochs that are open or on their way to the store; at 64 sources have to wait.',
    labels: OF_WORKER,
    read: perWorker(({ epoch, committed }) => Math.max(0, epoch - committed)),
  },
  {
    name: 'tidemark_epoch_age_seconds',
    type: 'gauge',
    help: 'How long the open epoch has been open.',
    labels: OF_WORKER,
    read: perWorker(({ epochAge }) => epochAge / 1000),
  },
  {
    name: 'tidemark_epoch_duration_seconds',
    type: 'histogram',
    help: 'How long the epochs that have ended were.',
    labels: OF_WORKER,
    read: ({ workers }) => workers.map(({ worker, epochs }) => [{ worker }, epochs]),
  },
  {
    name: 'tidemark_commit_age_seconds',
    type: 'gauge',
    help: 'Time since an epoch was last committed; with recovery, the age of the newest snapshot.',
    labels: [],
    read: ({ sinceCommit }) => (sinceCommit === null ? [] : [[{}, sinceCommit]]),
  },
  {
    name: 'tidemark_snapshot_bytes_total',
    type: 'counter',
    help: 'Bytes of snapshots of a step that reached the worker that records them.',
    labels: OF_STEP,
    read: counted(({ recorder }) => (recorder?.taken ?? []).map(([step, bytes]) => [step, bytes])),
  },
  {
    name: 'tidemark_snapshot_rows_total',
    type: 'counter',
    help: 'Rows, one a changed key, of those snapshots.',
    labels: OF_STEP,
    read: counted(({ recorder }) => (recorder?.taken ?? []).map(([step, , rows]) => [step, rows])),
  },
  {
    name: 'tidemark_snapshot_waiting_blocks',
    type: 'gauge',
    help: 'Blocks of snapshots that wait to be written.',
    labels: OF_WORKER,
    read: perWorker(({ recorder }) => recorder?.waiting ?? null),
  },
  {
    name: 'tidemark_snapshot_write_duration_seconds',
    type: 'histogram',
    help: 'How long it took to make an epoch durable.',
    labels: OF_WORKER,
    read: ({ workers }) =>
      workers.flatMap(({ worker, recorder }) =>
        recorder === null ? [] : [[{ worker }, recorder.writes] as const],
      ),
  },
  {
    name: 'tidemark_snapshot_write_failures_total',
    type: 'counter',
    help: 'Writes of snapshots that failed and were tried again.',
    labels: OF_WORKER,
    read: perWorker(({ recorder }) => recorder?.failures ?? null),
  },
  {
    name: 'tidemark_archive_lag_epochs',
    type: 'gauge',
    help: 'Durable epochs that are not in the archive yet.',
    labels: OF_WORKER,
    read: perWorker(({ recorder }) => recorder?.archive?.lagEpochs ?? null),
  },
  {
    name: 'tidemark_archive_lag_bytes',
    type: 'gauge',
    help: 'Bytes that wait to be sent to the archive.',
    labels: OF_WORKER,
    read: perWorker(({ recorder }) => recorder?.archive?.lagBytes ?? null),
  },
  {
    name: 'tidemark_archive_lag_seconds',
    type: 'gauge',
    help: 'Since when there has been something that is not in the archive.',
    labels: OF_WORKER,
    read: perWorker(({ recorder }) => {
      const millis = recorder?.archive?.lagMillis
      return millis === undefined ? null : millis / 1000
    }),
  },
  {
    name: 'tidemark_archive_bytes_total',
    type: 'counter',
    help: 'Bytes that were sent to the archive.',
    labels: OF_WORKER,
    read: perWorker(({ recorder }) => recorder?.archive?.sent ?? null),
  },
  {
    name: 'tidemark_archive_failures_total',
    type: 'counter',
    help: 'Calls of the archive that failed and were tried again.',
    labels: OF_WORKER,
    read: perWorker(({ recorder }) => recorder?.archive?.failures ?? null),
  },
  {
    name: 'tidemark_archive_dropped_total',
    type: 'counter',
    help: 'Backlogs that were given up while the archive was away; a full image follows each.',
    labels: OF_WORKER,
    read: perWorker(({ recorder }) => recorder?.archive?.dropped ?? null),
  },
  {
    name: 'tidemark_exchange_under_way_items',
    type: 'gauge',
    help: 'Items sent to other workers that these have not taken yet.',
    labels: OF_WORKER,
    read: perWorker(({ underWay }) => underWay),
  },
  {
    name: 'tidemark_exchange_credit_items',
    type: 'gauge',
    help: 'Items that may be sent to other workers before the first exchange has to wait.',
    labels: OF_WORKER,
    read: perWorker(({ credit }) => credit),
  },
  {
    name: 'tidemark_link_sent_bytes_total',
    type: 'counter',
    help: 'Bytes sent to a worker in another process, those sent again left out.',
    labels: OF_LINK,
    read: perLink(({ sent }) => sent),
  },
  {
    name: 'tidemark_link_acknowledged_bytes_total',
    type: 'counter',
    help: 'Bytes that a worker in another process has acknowledged.',
    labels: OF_LINK,
    read: perLink(({ acknowledged }) => acknowledged),
  },
  {
    name: 'tidemark_link_pending_bytes',
    type: 'gauge',
    help: 'Bytes for a worker in another process that it has not acknowledged.',
    labels: OF_LINK,
    read: perLink(({ pending }) => pending),
  },
  {
    name: 'tidemark_link_resent_frames_total',
    type: 'counter',
    help: 'Frames that were sent again, since they or their acknowledgment were lost.',
    labels: OF_LINK,
    read: perLink(({ resent }) => resent),
  },
  {
    name: 'tidemark_recovery_loaded_rows',
    type: 'gauge',
    help: 'Rows that a worker read of the store to resume.',
    labels: OF_WORKER,
    read: perWorker(({ loaded }) => loaded?.rows ?? null),
  },
  {
    name: 'tidemark_recovery_loaded_bytes',
    type: 'gauge',
    help: 'Bytes of those rows.',
    labels: OF_WORKER,
    read: perWorker(({ loaded }) => loaded?.bytes ?? null),
  },
  {
    name: 'tidemark_recovery_load_seconds',
    type: 'gauge',
    help: 'How long that took.',
    labels: OF_WORKER,
    read: perWorker(({ loaded }) => (loaded === null ? null : loaded.millis / 1000)),
  },
  {
    name: 'tidemark_event_loop_delay_seconds',
    type: 'gauge',
    help: 'How late timers of a thread were since the last scrape.',
    labels: ['thread', 'stat'],
    read: ({ workers, loopDelay }) => [
      ...delays('main', loopDelay),
      ...workers.flatMap(({ worker, loopDelay: own }) =>
        own === null ? [] : delays(`worker-${worker}`, own),
      ),
    ],
  },
]

const delays = (thread: string, delay: LoopDelay): readonly (readonly [Labels, number])[] => [
  [{ thread, stat: 'mean' }, delay.mean],
  [{ thread, stat: 'p99' }, delay.p99],
  [{ thread, stat: 'max' }, delay.max],
]
