import { ownCopy } from '../lib/actor/own-copy.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { StatefulLogic } from '../lib/state/logic.ts'
import type { ProcessorContext } from '../lib/state/processor.ts'
import { takeEmitted } from './emitted.ts'
import { functionOption } from './keyed-step.ts'
import { type LogicBuilder, type LogicKind, type LogicStep, logicStep } from './logic-step.ts'

type ItemLogic = StatefulLogic<unknown, unknown, unknown>

/**
 * Keeps an object of your own for each key, which sees its values one at a time, can ask to be
 * notified at a time, and says what to snapshot: the most general keyed step.
 *
 * Values come in the order of their arrival, notifications by time and then key, the end of input by
 * key. `discard` forgets the object; a value of its key that follows gets one built from `null`.
 * A method that throws may leave its object half changed: under `skip` and `deadLetter` the value is
 * passed over and the object stays as it is; `retry` is refused.
 *
 * @param id - the step's id
 * @param builder - makes the object of a key: from what its `snapshot` gave, or from `null`
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what `builder` or a method throws, or when one returns something else than
 *   it must
 *
 * @example
 * ```ts
 * class Sum extends StatefulLogic<number, number, number> {
 *   #sum: number
 *   constructor(resume: number | null) { super(); this.#sum = resume ?? 0 }
 *   override onItem(n: number) { this.#sum += n; return [this.#sum] }
 *   override snapshot() { return this.#sum }
 * }
 * keyed.pipe(stateful('sum', (resume: number | null) => new Sum(resume)))
 * ```
 */
export const stateful = <V, W, S>(
  id: string,
  builder: (resume: NoInfer<S> | null, key: string) => StatefulLogic<V, W, S>,
  options: StateOptions<S> = {},
): Operator<KeyedStream<V>, KeyedStream<W>> => {
  const build = functionOption(id, 'builder', builder) as LogicBuilder
  return logicStep({ id, operator: 'stateful', options, kind: itemLogic, builder: () => build })
}

/** Objects that see one value at a time. */
export const itemLogic: LogicKind = {
  name: 'StatefulLogic',
  isOne: (logic) => logic instanceof StatefulLogic,
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
    const n = values.length
    const epoch = table.epoch
    const outValues: unknown[] = new Array(n)
    // While every value gives one item, the keys that came in are those that go out.
    let outKeys: string[] | null = null
    let out = 0
    let before = 0
    let at = 0
    let phase = 0
    while (at < n) {
      try {
        for (; at < n; at++) {
          const key = keys[at] as string
          before = out
          let logic = entries.get(key)
          if (logic === undefined) {
            phase = 1
            logic = table.add(key)
            phase = 0
          } else if (epoch !== 0 && logic.$stamp !== epoch) {
            table.touch(logic)
          }
          const result: unknown = (logic as ItemLogic).onItem(values[at])
          let discard = false
          if (Array.isArray(result)) {
            if (result.length === 1) outValues[out++] = result[0]
            else for (let each = 0; each < result.length; each++) outValues[out++] = result[each]
          } else {
            const items = (result as { emit?: unknown } | null)?.emit
            if (Array.isArray(items)) {
              for (let each = 0; each < items.length; each++) outValues[out++] = items[each]
              discard = (result as { discard?: unknown }).discard === true
            } else {
              outValues.length = out
              discard = take(result, outValues)
              out = outValues.length
            }
          }
          if (outKeys !== null) {
            for (let each = outKeys.length; each < out; each++) outKeys.push(key)
          } else if (out !== at + 1) {
            outKeys = keys.slice(0, at)
            for (let each = at; each < out; each++) outKeys.push(key)
          }
          if (discard) {
            step.discard(logic)
          } else {
            phase = 2
            const time = logic.notifyAt()
            if (time !== null || logic.$place >= 0) step.schedule(logic, time)
            phase = 0
          }
        }
      } catch (error) {
        step.failed(phase, error, { key: keys[at] as string, item: values[at] })
        if (outKeys === null) outKeys = keys.slice(0, before)
        outKeys.length = before
        out = before
        phase = 0
        at += 1
      }
    }
    outValues.length = out
    context.emit(0, outKeys ?? keys, outValues)
  }
}
