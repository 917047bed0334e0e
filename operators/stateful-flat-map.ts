import { ownCopy } from '../lib/actor/own-copy.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { ValueTable } from '../lib/state/value-table.ts'
import { takeItems } from './emitted.ts'
import { functionOption, keyedStep } from './keyed-step.ts'

/** A key's new state, or `null` to forget it, and the items to emit. */
export type StatefulFlatMapper<V, W, S> = (
  state: S | null,
  value: V,
) => readonly [S | null, Iterable<W>]

type AnyMapper = StatefulFlatMapper<unknown, unknown, unknown>

/**
 * Turns each value into any number of others, with state kept for its key.
 *
 * Progress passes through. A key's state is part of snapshots, and may be changed in place. A mapper
 * that throws leaves the old one, provided that it did not change it.
 *
 * @param id - the step's id
 * @param mapper - called once a value with the key's state (`null` for a new key); returns the new
 *   state (`null` forgets the key) and an iterable of the values to emit
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what `mapper` throws, or when it returns anything but such a pair
 *
 * @example
 * ```ts
 * // the values that are larger than the one before
 * keyed.pipe(statefulFlatMap('up', (last: number | null, n: number) => [n, n > (last ?? n) ? [n] : []]))
 * ```
 */
export const statefulFlatMap = <V, W, S>(
  id: string,
  mapper: StatefulFlatMapper<V, W, S>,
  options: StateOptions<S> = {},
): Operator<KeyedStream<V>, KeyedStream<W>> => {
  functionOption(id, 'mapper', mapper)
  return keyedStep({
    id,
    operator: 'statefulFlatMap',
    options,
    retryable: true,
    open: (context) => open(mapper as AnyMapper, context),
  })
}

const open = (mapper: AnyMapper, context: ProcessorContext): Processor => {
  const table = new ValueTable<unknown>()
  return { table, onBatch: ownCopy(loop, context.stepId)(table, mapper, context, takeResult) }
}

const takeResult = (result: unknown, into: unknown[]): unknown => {
  if (!Array.isArray(result) || result.length !== 2) {
    throw new TypeError(
      result instanceof Promise
        ? 'it returned a promise, which this step does not wait for; use mapAsync before it'
        : 'a stateful mapper must return [state, items] (must be a 2-tuple)',
    )
  }
  takeItems(result[1], into, 'the second part of what it returns')
  return result[0]
}

/** The loop of one step; self-contained, so that each step has its own copy (see `ownCopy`). */
const loop = (
  table: ValueTable<unknown>,
  mapper: AnyMapper,
  context: ProcessorContext,
  take: (result: unknown, into: unknown[]) => unknown,
) => {
  const { slots, states, stamps } = table
  return (keys: readonly string[], values: readonly unknown[]): void => {
    const n = values.length
    const epoch = table.epoch
    const outKeys: string[] = []
    const outValues: unknown[] = []
    for (let at = 0; at < n; at++) {
      const key = keys[at] as string
      try {
        const slot = slots.get(key)
        if (slot !== undefined && epoch !== 0 && stamps[slot] !== epoch) table.touch(slot)
        const state = slot === undefined ? null : states[slot]
        const result = mapper(state, values[at])
        let next: unknown
        if (Array.isArray(result) && result.length === 2 && Array.isArray(result[1])) {
          next = result[0]
          const items = result[1]
          for (let each = 0; each < items.length; each++) outValues.push(items[each])
        } else {
          next = take(result, outValues)
        }
        if (slot === undefined) {
          if (next !== null) table.add(key, next)
        } else if (next === null) {
          table.remove(key, slot)
        } else if (next !== state) {
          states[slot] = next
        }
        while (outKeys.length < outValues.length) outKeys.push(key)
      } catch (error) {
        // An iterable may have given some items before it failed: the item counts as a whole.
        outValues.length = outKeys.length
        context.fail({ callback: 'mapper', error, key, item: values[at] })
      }
    }
    context.emit(0, outKeys, outValues)
  }
}
