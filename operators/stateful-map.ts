import { ownCopy } from '../lib/actor/own-copy.ts'
import { placed } from '../lib/flow/operator.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { KeyTable } from '../lib/state/key-table.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { type ValueEntry, valueTable } from './value-entry.ts'

/** A key's new state, or `null` to forget it, and the item to emit. */
export type StatefulMapper<V, W, S> = (state: S | null, value: V) => readonly [S | null, W]

/**
 * Turns each value into another, with state kept for its key.
 *
 * Progress passes through. A key's state is part of snapshots; a mapper that throws leaves the old
 * one, provided that it did not change it in place.
 *
 * @param id - the step's id
 * @param mapper - called once a value with the key's state (`null` for a new key); returns the new
 *   state (`null` forgets the key) and the value to emit
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
): Operator<KeyedStream<V>, KeyedStream<W>> =>
  placed({
    id,
    operator: 'statefulMap',
    needsKey: true,
    gives: 'keyed',
    spec: {
      kind: 'keyed',
      outputs: 1,
      retryable: true,
      options,
      open: (context) => open(mapper as StatefulMapper<unknown, unknown, unknown>, context),
    },
  })

const open = (
  mapper: StatefulMapper<unknown, unknown, unknown>,
  context: ProcessorContext,
): Processor => {
  const table = valueTable<unknown>(null)
  const run = ownCopy(loop, context.stepId)(table, mapper, context, notAPair)
  return { table, onBatch: run }
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
  table: KeyTable<ValueEntry<unknown>>,
  mapper: StatefulMapper<unknown, unknown, unknown>,
  context: ProcessorContext,
  refuse: (result: unknown) => never,
) => {
  const entries = table.entries
  return (keys: readonly string[], values: readonly unknown[]): void => {
    const n = values.length
    let outValues = new Array<unknown>(n)
    let at = 0
    let out = 0
    for (;;) {
      try {
        for (; at < n; at++) {
          const key = keys[at] as string
          const entry = entries.get(key)
          const result = mapper(entry === undefined ? null : entry.state, values[at])
          if (!Array.isArray(result) || result.length !== 2) refuse(result)
          const state = result[0]
          if (entry !== undefined) {
            if (entry.$stamp !== table.epoch) table.touch(entry)
            if (state === null) table.remove(entry)
            else entry.state = state
          } else if (state !== null) {
            table.add(key).state = state
          }
          outValues[out++] = result[1]
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
    else context.emit(0, keys.slice(n - out), outValues)
  }
}
