import { BuildError } from '../errors/errors.ts'
import type { Dataflow } from './dataflow.ts'
import { circuitOption, triesOption } from './options.ts'
import { deadLetterSinkOf, type ErrorPolicy, type RetryErrors } from './policy.ts'
import { DynamicSink } from './sink.ts'
import type { Step } from './step.ts'

/** Refuses a flow that cannot run, before anything is opened. */
export const checkFlow = (flow: Dataflow, onError: ErrorPolicy = 'stop'): void => {
  if (!flow.steps.some((step) => step.spec.kind === 'source')) {
    throw new BuildError(
      `Flow "${flow.id}" needs at least one input: add one with flow.input(id, source).`,
    )
  }
  if (!flow.steps.some(isOutput)) {
    throw new BuildError(
      `Flow "${flow.id}" needs at least one output or inspect step: end a stream with .output(id, sink).`,
    )
  }
  for (const step of flow.steps) checkStep(step, step.policy ?? onError)
}

const isOutput = (step: Step): boolean =>
  step.spec.kind === 'sink' ||
  step.spec.kind === 'raises' ||
  (step.spec.kind === 'stateless' &&
    (step.spec.op === 'inspect' || step.spec.op === 'inspectDebug'))

const checkStep = (step: Step, policy: ErrorPolicy): void => {
  const { spec } = step
  checkPolicy(step.id, policy)
  if (spec.kind === 'watermarks') {
    const crossing = upstreamOf(step).find((up) => !passesPartitions(up))
    if (crossing !== undefined) {
      throw new BuildError(
        `Step "${step.id}" makes watermarks per source partition, but behind step "${crossing.id}" (${crossing.operator}) partitions can't be told apart. Move it up, before that step.`,
      )
    }
  }
  if (spec.kind !== 'keyed') return
  if (spec.needsWatermarks === true && sourceOnTheWay(step, mayGiveWatermarks) !== null) {
    throw withoutWatermarks(step, sourceWithout(step))
  }
  if (
    !spec.retryable &&
    typeof step.policy === 'object' &&
    'retry' in step.policy &&
    policy === step.policy
  ) {
    throw new BuildError(
      `Step "${step.id}" (${step.operator}) keeps logic objects, which a failed call may leave half changed: it can't be retried. Use skip or deadLetter.`,
    )
  }
}

/** Whether watermarks are made on every way from a source to `step`: one without would hold all back. */
export const hasWatermarks = (step: Step): boolean => sourceOnTheWay(step, makesWatermarks) === null

/**
 * The first step that follows the watermarks of `source`, where only its partitions can tell whether
 * they have any; `null` if none does, or the source itself tells.
 */
export const followerOf = (source: Step, steps: readonly Step[]): Step | null => {
  if (!isSilent(source)) return null
  const reaches = (step: Step): boolean =>
    sourceOnTheWay(step, (up) => up !== source && (makesWatermarks(up) || isSource(up))) === source
  return steps.find((step) => needsWatermarks(step.spec) && reaches(step)) ?? null
}

/** What is said of a step that waits for watermarks which nobody makes. */
export const withoutWatermarks = (step: Step, source: string): BuildError =>
  new BuildError(
    `Step "${step.id}" follows the stream's watermark (WatermarkClock), but none is made upstream${source}. Put watermarks(id, { timestamp, outOfOrderness }) behind the source.`,
  )

/** A source from which items reach `step` without passing where `made` says watermarks are made. */
const sourceOnTheWay = (step: Step, made: (up: Step) => boolean): Step | null => {
  const seen = new Set<Step>()
  const find = (at: Step): Step | null => {
    for (const { step: up } of at.ups) {
      if (seen.has(up) || made(up)) continue
      seen.add(up)
      const found = up.spec.kind === 'source' ? up : find(up)
      if (found !== null) return found
    }
    return null
  }
  return find(step)
}

/** Names the source where others have what it lacks. */
const sourceWithout = (step: Step): string => {
  if (!upstreamOf(step).some(makesWatermarks)) return ''
  return ` for the items of "${sourceOnTheWay(step, makesWatermarks)?.id}"`
}

const checkPolicy = (stepId: string, policy: ErrorPolicy): void => {
  if (policy === 'stop' || policy === 'skip') return
  if (typeof policy === 'object' && policy !== null) {
    const retries = 'retry' in policy
    if (retries) checkRetry(stepId, policy)
    const sink = deadLetterSinkOf(policy)
    if (sink === null ? retries : sink instanceof DynamicSink) return
  }
  throw new BuildError(
    `Step "${stepId}": its error policy must be 'stop', 'skip', { retry: { attempts, backoff } }, { deadLetter: sink } with a DynamicSink, or { retry, circuit, deadLetter } together.`,
  )
}

const checkRetry = (stepId: string, { retry, circuit }: RetryErrors): void => {
  triesOption(`Step "${stepId}": retry`, retry)
  if (circuit !== undefined) circuitOption(`Step "${stepId}": circuit`, circuit)
}

/** Every step upstream of `step`, nearest first. */
const upstreamOf = (step: Step): Step[] => {
  const found = new Set<Step>()
  const visit = (at: Step): void => {
    for (const { step: up } of at.ups) {
      if (found.has(up)) continue
      found.add(up)
      visit(up)
    }
  }
  visit(step)
  return [...found]
}

/** Steps through which a batch keeps the source partition it came from. */
const passesPartitions = ({ spec }: Step): boolean =>
  spec.kind === 'source' ||
  spec.kind === 'stateless' ||
  spec.kind === 'branch' ||
  spec.kind === 'merge' ||
  spec.kind === 'watermarks'

const makesWatermarks = ({ spec }: Step): boolean =>
  spec.kind === 'watermarks' || (spec.kind === 'source' && spec.source.givesWatermarks === true)

const isSource = ({ spec }: Step): boolean => spec.kind === 'source'

/** A source that does not say whether its partitions have watermarks: they tell, once they are open. */
const isSilent = ({ spec }: Step): boolean =>
  spec.kind === 'source' && spec.source.givesWatermarks === undefined

const mayGiveWatermarks = (step: Step): boolean => makesWatermarks(step) || isSilent(step)

const needsWatermarks = (spec: Step['spec']): boolean =>
  spec.kind === 'keyed' && spec.needsWatermarks === true
