import { ownCopy } from '../lib/actor/own-copy.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { ValueTable } from '../lib/state/value-table.ts'
import { emitFinals } from './final-values.ts'
import { functionOption, keyedStep } from './keyed-step.ts'

type AnyReducer = (reduced: unknown, value: unknown) => unknown

/**
 * Reduces all values of a key to one of their kind, and emits it when the input has ended.
 *
 * Emits nothing before the end; then every key once, in the order of the keys, and forgets them: a
 * run that continues counts only what is new. What is reduced so far is part of snapshots. Values
 * are taken in the order of their arrival, one at a time, so a reducer needs no law to hold.
 *
 * @param id - the step's id
 * @param reducer - called with what is reduced so far and the next value; a key's first value is
 *   taken as it is
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what `reducer` throws
 *
 * @example
 * ```ts
 * keyed.pipe(reduceFinal('sum', (a, b) => a + b)) // ['a', 1], ['a', 2] => ['a', 3]
 * ```
 */
export const reduceFinal = <V>(
  id: string,
  reducer: (reduced: V, value: V) => V,
  options: StateOptions<V> = {},
): Operator<KeyedStream<V>, KeyedStream<V>> =>
  reducing(
    {
      id,
      operator: 'reduceFinal',
      role: 'reducer',
      reducer: functionOption(id, 'reducer', reducer) as AnyReducer,
    },
    options,
  )

/** How one of the operators that reduce is named, and what it does. */
export interface Reducing {
  readonly id: string
  readonly operator: string
  /** What the user knows the callback as. */
  readonly role: string
  readonly reducer: AnyReducer
  /** Looks at a key's first value, which the reducer does not see. */
  readonly first?: (value: unknown) => void
}

/** `reduceFinal` under any name. */
export const reducing = <V>(
  shape: Reducing,
  options: StateOptions<V>,
): Operator<KeyedStream<V>, KeyedStream<V>> =>
  keyedStep({
    id: shape.id,
    operator: shape.operator,
    options,
    retryable: true,
    open: (context) => open(shape, context),
  })

const open = (shape: Reducing, context: ProcessorContext): Processor => {
  const table = new ValueTable<unknown>()
  const onBatch = ownCopy(loop, context.stepId)(table, shape, context)
  return { table, onBatch, onEnd: () => emitFinals(table, context) }
}

/** The loop of one step; self-contained, so that each step has its own copy (see `ownCopy`). */
const loop = (table: ValueTable<unknown>, shape: Reducing, context: ProcessorContext) => {
  const { slots, states, stamps } = table
  const { reducer, first, role } = shape
  return (keys: readonly string[], values: readonly unknown[]): void => {
    const n = values.length
    const epoch = table.epoch
    let at = 0
    while (at < n) {
      try {
        for (; at < n; at++) {
          const key = keys[at] as string
          const slot = slots.get(key)
          if (slot !== undefined) {
            if (epoch !== 0 && stamps[slot] !== epoch) table.touch(slot)
            const state = states[slot]
            const next = reducer(state, values[at])
            if (next !== state) {
              if (next instanceof Promise) {
                throw new TypeError(
                  'it returned a promise, which this step does not wait for; use mapAsync before it',
                )
              }
              states[slot] = next
            }
          } else {
            if (first !== undefined) first(values[at])
            table.add(key, values[at])
          }
        }
      } catch (error) {
        context.fail({ callback: role, error, key: keys[at] as string, item: values[at] })
        at += 1
      }
    }
  }
}
