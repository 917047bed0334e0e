import { placeStep } from '../lib/flow/operator.ts'
import type { Operator, Stream } from '../lib/flow/stream.ts'

/**
 * Ends a stream on which no item may come.
 *
 * An output of the flow. An epoch is committed only when none of its items came here.
 *
 * @param id - the step's id
 * @throws StepError when an item comes
 *
 * @example
 * ```ts
 * errors.pipe(raises('no-errors'))
 * ```
 */
export const raises =
  (id: string): Operator<Stream<unknown>, void> =>
  (up) => {
    placeStep({ id, operator: 'raises', spec: { kind: 'raises' }, gives: 'unkeyed' }, [up], 0)
  }
