import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { ValueTable } from '../lib/state/value-table.ts'
import { emitFinals } from './final-values.ts'
import { keyedStep } from './keyed-step.ts'

/**
 * Gathers all values of a key, and emits them as one array when the input has ended.
 *
 * Emits nothing before the end; then every key once, in the order of the keys, and forgets them.
 * What is gathered is part of snapshots, whole for each key that grew: it suits input that ends and
 * keys of moderate size.
 *
 * @param id - the step's id
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 *
 * @example
 * ```ts
 * keyed.pipe(collectFinal('all')) // ['a', 1], ['b', 2], ['a', 3] => ['a', [1, 3]], ['b', [2]]
 * ```
 */
export const collectFinal = <V>(
  id: string,
  options: StateOptions<V[]> = {},
): Operator<KeyedStream<V>, KeyedStream<V[]>> =>
  keyedStep({ id, operator: 'collectFinal', options, retryable: true, open })

const open = (context: ProcessorContext): Processor => {
  const table = new ValueTable<unknown[]>()
  return {
    table,
    onBatch: (keys, values) => gather(table, keys, values),
    onEnd: () => emitFinals(table, context),
  }
}

const gather = (
  table: ValueTable<unknown[]>,
  keys: readonly string[],
  values: readonly unknown[],
): void => {
  const { slots, states } = table
  for (let at = 0; at < values.length; at++) {
    const key = keys[at] as string
    const slot = slots.get(key)
    if (slot === undefined) {
      table.add(key, [values[at]])
    } else {
      table.touch(slot)
      states[slot]?.push(values[at])
    }
  }
}
