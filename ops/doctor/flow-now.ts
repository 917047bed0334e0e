import type { StepNow, WorkerFacts } from '../../lib/worker/worker-facts.ts'

/** Where a flow stands, as an event of `/flow/live` tells it. */
export interface FlowNow {
  readonly flow: string
  /** Wall-clock time of the flow's host, epoch milliseconds. */
  readonly time: number
  readonly epoch: number
  readonly committed: number
  /** Items that sources have read, and sinks were given. */
  readonly itemsIn: number
  readonly itemsOut: number
  readonly skipped: number
  /** Seconds; `null` while nothing has been committed since somebody looked. */
  readonly sinceCommit: number | null
  readonly messages: readonly {
    readonly time: number
    readonly level: string
    readonly message: string
  }[]
  readonly workers: readonly WorkerFacts[]
}

/** Two looks at a flow, some seconds apart. */
export interface TwoLooks {
  readonly before: FlowNow
  readonly after: FlowNow
}

/** A step on one worker, as both looks saw it. */
export interface StepSeen {
  readonly worker: number
  readonly now: StepNow
  /** Items that it took between the looks. */
  readonly taken: number
  /** The share of the time between the looks that it was at work. */
  readonly busy: number
}

export const stepsSeen = ({ before, after }: TwoLooks): readonly StepSeen[] => {
  const millis = Math.max(1, after.time - before.time)
  return after.workers.flatMap(({ worker, steps }) => {
    const earlier = before.workers.find((each) => each.worker === worker)?.steps ?? []
    return steps.map((now) => {
      const then = earlier.find(({ step }) => step === now.step)
      return {
        worker,
        now,
        taken: now.itemsIn - (then?.itemsIn ?? 0),
        busy: Math.min(1, (now.batches.sum - (then?.batches.sum ?? 0)) / millis),
      }
    })
  })
}

/** What an event holds, or `null` where it is none of ours. */
export const readFlowNow = (text: string): FlowNow | null => {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof found !== 'object' || found === null) return null
  const { flow, time, workers, messages } = found as Partial<FlowNow>
  const whole =
    typeof flow === 'string' &&
    typeof time === 'number' &&
    Array.isArray(workers) &&
    Array.isArray(messages) &&
    workers.every((worker: unknown) => isWorker(worker))
  return whole ? (found as FlowNow) : null
}

const isWorker = (worker: unknown): boolean => {
  if (typeof worker !== 'object' || worker === null) return false
  const { steps, recorder, epochs, skipped, deadLettered, circuits } =
    worker as Partial<WorkerFacts>
  return (
    [steps, skipped, deadLettered, circuits].every(Array.isArray) &&
    typeof recorder === 'object' &&
    typeof epochs === 'object' &&
    (steps as readonly unknown[]).every(
      (step) => typeof step === 'object' && step !== null && 'batches' in step,
    )
  )
}
