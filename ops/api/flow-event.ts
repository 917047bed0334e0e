import type { StepNow, WorkerFacts } from '../../lib/worker/worker-facts.ts'

/** Of a list and of a name, an event tells only so much; the flow and its data decide how long they are. */
const MOST_LAGS = 16
const LONGEST_NAME = 160

/** Where a worker stands, in few bytes, whatever names and keys its data have. */
export const bounded = (facts: WorkerFacts): WorkerFacts => ({
  ...facts,
  steps: facts.steps.map(boundedStep),
})

/** Of its partitions those are told that have the most to read, or are the furthest behind. */
const boundedStep = (step: StepNow): StepNow => ({
  ...step,
  lags: step.lags
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, MOST_LAGS)
    .map(([part, items]) => [short(part), items]),
  parts: step.parts?.map((part) => ({ ...part, part: short(part.part) })) ?? null,
  hotKeys: step.hotKeys?.map(([key, share]) => [short(key), share]) ?? null,
})

const short = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name
