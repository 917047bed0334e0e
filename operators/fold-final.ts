import { ownCopy } from '../lib/actor/own-copy.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { ValueTable } from '../lib/state/value-table.ts'
import { emitFinals } from './final-values.ts'
import { functionOption, keyedStep } from './keyed-step.ts'
import type { Sync } from './sync.ts'

type AnyFolder = (state: unknown, value: unknown) => unknown

/**
 * Folds all values of a key into one, and emits it when the input has ended.
 *
 * Emits nothing before the end; then every key once, in the order of the keys, and forgets them: a
 * run that continues counts only what is new. A key's state is part of snapshots.
 *
 * @param id - the step's id
 * @param init - makes the state of a new key; called once a key
 * @param folder - called once a value with the state; returns the new one, which may be the same
 *   object, changed in place
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what `init` or `folder` throws, or when one returns a promise
 *
 * @example
 * ```ts
 * keyed.pipe(foldFinal('sum', () => 0, (sum, n: number) => sum + n)) // ['a', 1], ['a', 2] => ['a', 3]
 * ```
 */
export const foldFinal = <V, S>(
  id: string,
  init: () => S & Sync<S>,
  folder: (state: S, value: V) => S,
  options: StateOptions<S> = {},
): Operator<KeyedStream<V>, KeyedStream<S>> => {
  functionOption(id, 'init', init)
  functionOption(id, 'folder', folder)
  return keyedStep({
    id,
    operator: 'foldFinal',
    options,
    retryable: true,
    open: (context) => open(init, folder as AnyFolder, context),
  })
}

const open = (init: () => unknown, folder: AnyFolder, context: ProcessorContext): Processor => {
  const table = new ValueTable<unknown>()
  const onBatch = ownCopy(loop, context.stepId)(table, init, folder, context, refusePromise)
  return { table, onBatch, onEnd: () => emitFinals(table, context) }
}

const refusePromise = (state: unknown): void => {
  if (state instanceof Promise) {
    throw new TypeError(
      'it returned a promise, which this step does not wait for; use mapAsync before it',
    )
  }
}

/** The loop of one step; self-contained, so that each step has its own copy (see `ownCopy`). */
const loop = (
  table: ValueTable<unknown>,
  init: () => unknown,
  folder: AnyFolder,
  context: ProcessorContext,
  check: (state: unknown) => void,
) => {
  const { slots, states, stamps } = table
  return (keys: readonly string[], values: readonly unknown[]): void => {
    const n = values.length
    const epoch = table.epoch
    let at = 0
    let callback = 'folder'
    while (at < n) {
      try {
        for (; at < n; at++) {
          const key = keys[at] as string
          const slot = slots.get(key)
          if (slot !== undefined) {
            if (epoch !== 0 && stamps[slot] !== epoch) table.touch(slot)
            const state = states[slot]
            const next = folder(state, values[at])
            if (next !== state) {
              if (typeof next === 'object') check(next)
              states[slot] = next
            }
          } else {
            callback = 'init'
            const first = init()
            check(first)
            callback = 'folder'
            const state = folder(first, values[at])
            check(state)
            table.add(key, state)
          }
        }
      } catch (error) {
        context.fail({ callback, error, key: keys[at] as string, item: values[at] })
        callback = 'folder'
        at += 1
      }
    }
  }
}
