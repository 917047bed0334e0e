import { placeStep } from '../lib/flow/operator.ts'
import type { Callback } from '../lib/flow/step.ts'
import type { ItemOf, Operator, Stream } from '../lib/flow/stream.ts'
import { functionOption } from './keyed-step.ts'
import type { Narrowed } from './narrowed.ts'

/** The two streams that {@link branch} gives. */
export interface BranchOut<Trues, Falses> {
  /** Items for which the predicate held. */
  readonly trues: Trues
  /** All other items. */
  readonly falses: Falses
}

/**
 * Sends each item down one of two streams.
 *
 * Progress passes through to both; keeps no state; a keyed stream gives two keyed streams.
 *
 * @param id - the step's id
 * @param predicate - called once an item, in order; a type guard narrows both streams' types
 * @throws StepError with what `predicate` throws, or when it returns anything but a boolean
 *
 * @example
 * ```ts
 * const { trues, falses } = numbers.pipe(branch('odd', (n) => n % 2 === 1))
 * ```
 */
export function branch<U extends Stream<unknown>, S extends ItemOf<U>>(
  id: string,
  predicate: (item: ItemOf<U>) => item is S,
): Operator<U, BranchOut<Narrowed<U, S>, Narrowed<U, Exclude<ItemOf<U>, S>>>>
export function branch<U extends Stream<unknown>>(
  id: string,
  predicate: (item: ItemOf<U>) => boolean,
): Operator<U, BranchOut<U, U>>
export function branch<T>(
  id: string,
  predicate: (item: T) => boolean,
): <U extends Stream<T>>(up: U) => BranchOut<U, U>
export function branch(
  id: string,
  predicate: Callback,
): (up: Stream<unknown>) => BranchOut<unknown, unknown> {
  functionOption(id, 'predicate', predicate)
  return (up) => {
    const [trues, falses] = placeStep(
      { id, operator: 'branch', spec: { kind: 'branch', callback: predicate }, gives: 'same' },
      [up],
      2,
    )
    return { trues, falses }
  }
}
