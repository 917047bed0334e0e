import { BuildError } from '../../lib/errors/errors.ts'
import { checkFlow, hasWatermarks } from '../../lib/flow/check.ts'
import type { Dataflow } from '../../lib/flow/dataflow.ts'
import { deadLetterSinkOf } from '../../lib/flow/policy.ts'
import { DynamicSink } from '../../lib/flow/sink.ts'
import { DynamicSource } from '../../lib/flow/source.ts'
import type { Step } from '../../lib/flow/step.ts'
import type { RunOptions } from '../../lib/run/options.ts'
import { bad, type Finding, good, note } from './finding.ts'

/** Steps that keep something for each key for good, unless they are told when to forget it. */
const KEEPS: ReadonlySet<string> = new Set([
  'dedupe',
  'enrichFrom',
  'join',
  'rank',
  'stateful',
  'statefulBatch',
  'statefulFlatMap',
  'statefulMap',
  'topN',
])

const FOLLOWS_TIME = /Window$|^window$|^(intervalJoin|asOfJoin|order|rolling)$/

/** Says what may go wrong with a flow, from its graph alone; nothing of it is run. */
export const advise = (flow: Dataflow, options: RunOptions = {}): readonly Finding[] => {
  const found = [
    ...ofBuild(flow, options),
    ...ofRecovery(flow, options),
    ...flow.steps.flatMap((step) => [...ofTime(step), ...ofState(step), ...ofCalls(step, options)]),
  ]
  return found.length > 0 ? found : [good('flow', `Nothing about "${flow.id}" calls for advice.`)]
}

const ofBuild = (flow: Dataflow, { onError = 'stop' }: RunOptions): readonly Finding[] => {
  try {
    checkFlow(flow, onError)
    return []
  } catch (error) {
    if (error instanceof BuildError) return [bad('flow', error.message)]
    throw error
  }
}

const ofRecovery = (flow: Dataflow, { recovery }: RunOptions): readonly Finding[] => {
  const keeps = flow.steps.filter(
    ({ spec }) =>
      spec.kind === 'keyed' || (spec.kind === 'sink' && !(spec.sink instanceof DynamicSink)),
  )
  const found: Finding[] = []
  if (recovery === undefined && keeps.length > 0) {
    found.push(
      note(
        'recovery',
        `The module names no recovery, and ${quoted(keeps)} ${keeps.length === 1 ? 'keeps' : 'keep'} state or a position: run it with --recovery-directory, or a crash loses them.`,
      ),
    )
  }
  const unread = flow.steps.filter(
    ({ spec }) => spec.kind === 'source' && spec.source instanceof DynamicSource,
  )
  if (unread.length > 0 && keeps.length > 0) {
    found.push(
      note(
        'recovery',
        `${quoted(unread)} has no position to resume from: what it gave after the last snapshot is lost in a crash.`,
      ),
    )
  }
  return found
}

const ofTime = (step: Step): readonly Finding[] => {
  const { spec, operator, id } = step
  if (spec.kind !== 'keyed' || !FOLLOWS_TIME.test(operator) || spec.needsWatermarks === true) {
    return []
  }
  return [
    hasWatermarks(step)
      ? note(
          'watermark',
          `Watermarks are made upstream of "${id}" (${operator}), and its clock does not follow them: WatermarkClock would.`,
        )
      : note(
          'watermark',
          `"${id}" (${operator}) moves time on by its own items and by the clock on the wall. In a replay, where one key may be far ahead of another, results depend on arrival: watermarks(...) behind the source and WatermarkClock make them repeatable.`,
        ),
  ]
}

const ofState = ({ spec, operator, id }: Step): readonly Finding[] => {
  if (spec.kind !== 'keyed' || !KEEPS.has(operator) || spec.options?.ttl !== undefined) return []
  const how = operator === 'dedupe' ? 'within, or ttl,' : 'ttl'
  return [
    note(
      'flow',
      `"${id}" (${operator}) keeps every key for good: fine where there are only so many, else ${how} forgets those that no item reaches.`,
    ),
  ]
}

const ofCalls = ({ spec, operator, id, policy }: Step, options: RunOptions): readonly Finding[] => {
  if (spec.kind !== 'task' || operator === 'rx') return []
  const found: Finding[] = []
  if (spec.timeout === undefined && operator === 'mapAsync') {
    found.push(
      note(
        'speed',
        `"${id}" (mapAsync) sets no timeout: one call that never settles stops the flow. Give it timeout: { seconds: 10 }.`,
      ),
    )
  }
  const rule = policy ?? options.onError ?? 'stop'
  const passes = rule === 'skip' || deadLetterSinkOf(rule) !== null
  const retries = typeof rule === 'object' && 'retry' in rule
  if (!passes && !retries) {
    found.push(
      note(
        'errors',
        `"${id}" (${operator}) calls something outside, and one failure stops the run: withPolicy({ retry, circuit, deadLetter }) bears outages and keeps what can't be done.`,
      ),
    )
  }
  return found
}

const quoted = (steps: readonly Step[]): string => steps.map(({ id }) => `"${id}"`).join(', ')
