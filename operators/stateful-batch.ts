import { ownCopy } from '../lib/actor/own-copy.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { StatefulBatchLogic } from '../lib/state/logic.ts'
import type { ProcessorContext } from '../lib/state/processor.ts'
import { takeEmitted } from './emitted.ts'
import { functionOption } from './keyed-step.ts'
import { type LogicBuilder, type LogicKind, type LogicStep, logicStep } from './logic-step.ts'

type BatchLogic = StatefulBatchLogic<unknown, unknown, unknown>

/**
 * Keeps an object of your own for each key, as `stateful`, which sees together all values of a batch
 * that have its key.
 *
 * How much is in a batch is up to the engine and may differ from run to run. Keys are visited in the
 * order in which they first occur in it; notifications, the end of input and failures are as in
 * `stateful`, where a failed call passes over all the values it was given.
 *
 * @param id - the step's id
 * @param builder - makes the object of a key: from what its `snapshot` gave, or from `null`
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what `builder` or a method throws, or when one returns something else than
 *   it must
 *
 * @example
 * ```ts
 * class Bulk extends StatefulBatchLogic<Row, number, null> {
 *   override onBatch(rows: Row[]) { return [table.insertAll(rows)] }
 *   override snapshot() { return null }
 * }
 * keyed.pipe(statefulBatch('bulk', () => new Bulk()))
 * ```
 */
export const statefulBatch = <V, W, S>(
  id: string,
  builder: (resume: NoInfer<S> | null, key: string) => StatefulBatchLogic<V, W, S>,
  options: StateOptions<S> = {},
): Operator<KeyedStream<V>, KeyedStream<W>> => {
  const build = functionOption(id, 'builder', builder) as LogicBuilder
  return logicStep({
    id,
    operator: 'statefulBatch',
    options,
    kind: batchLogic,
    builder: () => build,
  })
}

const batchLogic: LogicKind = {
  name: 'StatefulBatchLogic',
  isOne: (logic) => logic instanceof StatefulBatchLogic,
  loop: (step, context) => ownCopy(loop, context.stepId)(step, context, takeEmitted),
}

/** The loop of one step; self-contained, so that each step has its own copy (see `ownCopy`). */
const loop = (
  step: LogicStep,
  context: ProcessorContext,
  take: (result: unknown, into: unknown[]) => boolean,
) => {
  const { table } = step
  const entries = table.entries
  return (keys: readonly string[], values: readonly unknown[]): void => {
    const epoch = table.epoch
    const groups = new Map<string, unknown[]>()
    for (let at = 0; at < values.length; at++) {
      const key = keys[at] as string
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [values[at]])
      else group.push(values[at])
    }
    const outKeys: string[] = []
    const outValues: unknown[] = []
    for (const [key, group] of groups) {
      let phase = 1
      try {
        const known = entries.get(key)
        if (known !== undefined && epoch !== 0 && known.$stamp !== epoch) table.touch(known)
        const logic = known ?? table.add(key)
        phase = 0
        if (take((logic as BatchLogic).onBatch(group), outValues)) {
          step.discard(logic)
        } else {
          phase = 2
          const time = logic.notifyAt()
          if (time !== null || logic.$place >= 0) step.schedule(logic, time)
        }
        while (outKeys.length < outValues.length) outKeys.push(key)
      } catch (error) {
        outValues.length = outKeys.length
        step.failed(phase, error, { key, item: group })
      }
    }
    context.emit(0, outKeys, outValues)
  }
}
