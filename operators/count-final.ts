import { ownCopy } from '../lib/actor/own-copy.ts'
import { upstream } from '../lib/flow/dataflow.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator, Stream } from '../lib/flow/stream.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { ValueTable } from '../lib/state/value-table.ts'
import { emitFinals } from './final-values.ts'
import { keyOn } from './key-on.ts'
import { functionOption, keyedStep } from './keyed-step.ts'

/**
 * Counts the items of each key, and emits the counts when the input has ended.
 *
 * Emits nothing before the end; then every key once, in the order of the keys, and forgets them: a
 * run that continues counts only what is new. The counts are part of snapshots, kept under `id`; the
 * keys are given by an inner step, `id.key`.
 *
 * @param id - the step's id
 * @param key - called once an item; must return a string, and the same one for the same item
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what `key` throws, or when it returns anything but a string
 *
 * @example
 * ```ts
 * words.pipe(countFinal('count', (word) => word)) // 'a', 'b', 'a' => ['a', 2], ['b', 1]
 * ```
 */
export const countFinal =
  <T>(
    id: string,
    key: (item: T) => string,
    options: StateOptions<number> = {},
  ): Operator<Stream<T>, KeyedStream<number>> =>
  (up) => {
    functionOption(id, 'key', key)
    const keyed = upstream(id, up).flow.inside(id, () => keyOn<T>('key', key)(up))
    return counted<T>(id, options)(keyed)
  }

const counted = <T>(
  id: string,
  options: StateOptions<number>,
): Operator<KeyedStream<T>, KeyedStream<number>> =>
  keyedStep({ id, operator: 'countFinal', options, retryable: true, open })

const open = (context: ProcessorContext): Processor => {
  const table = new ValueTable<number>()
  return {
    table,
    onBatch: ownCopy(loop, context.stepId)(table),
    onEnd: () => emitFinals(table, context),
  }
}

/** The loop of one step; self-contained, so that each step has its own copy (see `ownCopy`). */
const loop = (table: ValueTable<number>) => {
  const { slots, states, stamps } = table
  return (keys: readonly string[]): void => {
    const n = keys.length
    const epoch = table.epoch
    for (let at = 0; at < n; at++) {
      const key = keys[at] as string
      const slot = slots.get(key)
      if (slot === undefined) {
        table.add(key, 1)
      } else {
        if (epoch !== 0 && stamps[slot] !== epoch) table.touch(slot)
        states[slot] = (states[slot] as number) + 1
      }
    }
  }
}
