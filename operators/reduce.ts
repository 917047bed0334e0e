import { ownCopy } from '../lib/actor/own-copy.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { ValueTable } from '../lib/state/value-table.ts'
import { functionOption, keyedStep } from './keyed-step.ts'

type AnyReducer = (reduced: unknown, value: unknown) => unknown
type AnyTest = (reduced: unknown) => boolean

/**
 * Reduces the values of a key to one of their kind, and emits it as soon as it is complete.
 *
 * A complete result is emitted and its key forgotten; the next value begins anew. What is not
 * complete stays, through the end of input too, and is part of snapshots; `ttl` bounds it.
 *
 * @param id - the step's id
 * @param reducer - called with what is reduced so far and the next value; a key's first value is
 *   taken as it is
 * @param isComplete - asked after every value; must return a boolean
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what a callback throws, or when `isComplete` returns anything but a boolean
 *
 * @example
 * ```ts
 * keyed.pipe(reduce('tens', (a, b) => a + b, (sum) => sum >= 10)) // 4, 7, 3 => 11, and 3 waits
 * ```
 */
export const reduce = <V>(
  id: string,
  reducer: (reduced: V, value: V) => V,
  isComplete: (reduced: V) => boolean,
  options: StateOptions<V> = {},
): Operator<KeyedStream<V>, KeyedStream<V>> => {
  functionOption(id, 'reducer', reducer)
  functionOption(id, 'isComplete', isComplete)
  return keyedStep({
    id,
    operator: 'reduce',
    options,
    retryable: true,
    open: (context) => open(reducer as AnyReducer, isComplete as AnyTest, context),
  })
}

const open = (reducer: AnyReducer, isComplete: AnyTest, context: ProcessorContext): Processor => {
  const table = new ValueTable<unknown>()
  return { table, onBatch: ownCopy(loop, context.stepId)(table, reducer, isComplete, context) }
}

/** The loop of one step; self-contained, so that each step has its own copy (see `ownCopy`). */
const loop = (
  table: ValueTable<unknown>,
  reducer: AnyReducer,
  isComplete: AnyTest,
  context: ProcessorContext,
) => {
  const { slots, states, stamps } = table
  return (keys: readonly string[], values: readonly unknown[]): void => {
    const n = values.length
    const epoch = table.epoch
    const outKeys: string[] = []
    const outValues: unknown[] = []
    let at = 0
    let callback = 'reducer'
    while (at < n) {
      try {
        for (; at < n; at++) {
          const key = keys[at] as string
          const slot = slots.get(key)
          let next = values[at]
          if (slot !== undefined) {
            if (epoch !== 0 && stamps[slot] !== epoch) table.touch(slot)
            next = reducer(states[slot], next)
            if (next instanceof Promise) {
              throw new TypeError(
                'it returned a promise, which this step does not wait for; use mapAsync before it',
              )
            }
          }
          callback = 'isComplete'
          const complete = isComplete(next)
          if (typeof complete !== 'boolean') throw new TypeError('it must return a boolean')
          callback = 'reducer'
          if (complete) {
            outKeys.push(key)
            outValues.push(next)
            if (slot !== undefined) table.remove(key, slot)
          } else if (slot === undefined) {
            table.add(key, next)
          } else {
            states[slot] = next
          }
        }
      } catch (error) {
        context.fail({ callback, error, key: keys[at] as string, item: values[at] })
        callback = 'reducer'
        at += 1
      }
    }
    context.emit(0, outKeys, outValues)
  }
}
