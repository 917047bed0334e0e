import { ownCopy } from '../lib/actor/own-copy.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { ValueTable } from '../lib/state/value-table.ts'
import { functionOption, keyedStep } from './keyed-step.ts'

/** A key's new state, or `null` to forget it, and the item to emit. */
export type StatefulMapper<V, W, S> = (state: S | null, value: V) => readonly [S | null, W]

type AnyMapper = StatefulMapper<unknown, unknown, unknown>

/**
 * Turns each value into another, with state kept for its key.
 *
 * Progress passes through. A key's state is part of snapshots, and may be changed in place. A mapper
 * that throws leaves the old one, provided that it did not change it.
 *
 * @param id - the step's id
 * @param mapper - called once a value with the key's state (`null` for a new key); returns the new
 *   state (`null` forgets the key) and the value to emit
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what `mapper` throws, or when it returns anything but such a pair
 *
 * @example
 * ```ts
 * keyed.pipe(statefulMap('sum', (sum: number | null, n: number) => [(sum ?? 0) + n, (sum ?? 0) + n]))
 * ```
 */
export const statefulMap = <V, W, S>(
  id: string,
  mapper: StatefulMapper<V, W, S>,
  options: StateOptions<S> = {},
): Operator<KeyedStream<V>, KeyedStream<W>> => {
  functionOption(id, 'mapper', mapper)
  return keyedStep({
    id,
    operator: 'statefulMap',
    options,
    retryable: true,
    open: (context) => open(mapper as AnyMapper, context),
  })
}

const open = (mapper: AnyMapper, context: ProcessorContext): Processor => {
  const table = new ValueTable<unknown>()
  return { table, onBatch: ownCopy(loop, context.stepId)(table, mapper, context, notAPair) }
}

const notAPair = (result: unknown): never => {
  throw new TypeError(
    result instanceof Promise
      ? 'it returned a promise, which this step does not wait for; use mapAsync before it'
      : 'a stateful mapper must return [state, value] (must be a 2-tuple)',
  )
}

/** The loop of one step; self-contained, so that each step has its own copy (see `ownCopy`). */
const loop = (
  table: ValueTable<unknown>,
  mapper: AnyMapper,
  context: ProcessorContext,
  refuse: (result: unknown) => never,
) => {
  const { slots, states, stamps } = table
  return (keys: readonly string[], values: readonly unknown[]): void => {
    const n = values.length
    const epoch = table.epoch
    let outValues = new Array<unknown>(n)
    let at = 0
    let out = 0
    for (;;) {
      try {
        for (; at < n; at++) {
          const key = keys[at] as string
          const slot = slots.get(key)
          if (slot === undefined) {
            const result = mapper(null, values[at])
            if (!Array.isArray(result) || result.length !== 2) refuse(result)
            if (result[0] !== null) table.add(key, result[0])
            outValues[out++] = result[1]
          } else {
            if (epoch !== 0 && stamps[slot] !== epoch) table.touch(slot)
            const state = states[slot]
            const result = mapper(state, values[at])
            if (!Array.isArray(result) || result.length !== 2) refuse(result)
            const next = result[0]
            if (next === null) table.remove(key, slot)
            else if (next !== state) states[slot] = next
            outValues[out++] = result[1]
          }
        }
        break
      } catch (error) {
        context.fail({ callback: 'mapper', error, key: keys[at] as string, item: values[at] })
        // Passed over: what came before goes out by itself, so that keys and values stay aligned.
        context.emit(0, keys.slice(at - out, at), outValues.slice(0, out))
        at += 1
        out = 0
        outValues = new Array<unknown>(n - at)
      }
    }
    if (out === n) context.emit(0, keys, outValues)
    else context.emit(0, keys.slice(n - out), outValues.slice(0, out))
  }
}
