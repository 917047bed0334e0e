import type { ProcessorContext } from '../lib/state/processor.ts'
import type { ValueTable } from '../lib/state/value-table.ts'

/** Items a batch at the end of input, so that no batch is as large as the state. */
const BATCH = 4096

/** Emits what is kept of every key, in the order of their keys, and forgets it. */
export const emitFinals = <S>(
  table: ValueTable<S>,
  context: ProcessorContext,
  outOf: (state: S) => unknown = (state) => state,
): void => {
  const sorted = [...table.slots.keys()].sort()
  for (let from = 0; from < sorted.length; from += BATCH) {
    const keys = sorted.slice(from, from + BATCH)
    const values = keys.map((key) => {
      const slot = table.slots.get(key) as number
      const value = outOf(table.states[slot] as S)
      table.remove(key, slot)
      return value
    })
    context.emit(0, keys, values)
  }
}
