import { BuildError } from '../errors/errors.ts'
import { upstream } from './dataflow.ts'
import type { ErrorPolicy } from './policy.ts'
import type { StepSpec } from './step.ts'
import { KeyedStream, type Operator, Stream } from './stream.ts'

/** A step as an operator describes it. */
export interface StepShape {
  readonly id: string
  /** The operator's name, for people. */
  readonly operator: string
  readonly spec: StepSpec
  /** Refuse a stream without keys. */
  readonly needsKey?: boolean
  /** What the outputs are: keyed, not keyed, or as the (first) input is. */
  readonly gives: 'keyed' | 'unkeyed' | 'same'
}

/**
 * Places a step behind one or more streams and gives its outputs.
 *
 * The generic operator behind all others; its types are the caller's promise.
 */
export const placeStep = (
  shape: StepShape,
  ups: readonly unknown[],
  outputs = 1,
): readonly (Stream<unknown> | KeyedStream<unknown>)[] => {
  const froms = ups.map((up) => upstream(shape.id, up))
  const first = froms[0]
  if (first === undefined) {
    throw new BuildError(`Step "${shape.id}" requires at least one upstream.`)
  }
  for (const from of froms) {
    if (from.flow !== first.flow) {
      throw new BuildError(
        `Step "${shape.id}" joins streams of two flows, "${first.flow.id}" and "${from.flow.id}"; all its streams must come from one.`,
      )
    }
    if (shape.needsKey === true && !from.origin.keyed) {
      throw new BuildError(
        `Step "${shape.id}" (${shape.operator}) needs a keyed stream. Put keyOn(id, f) before it, or keyed(id) if the items are [key, value] pairs.`,
      )
    }
  }
  const step = first.flow.place({
    id: shape.id,
    operator: shape.operator,
    spec: shape.spec,
    ups: froms.map((from) => from.origin),
  })
  const keyed =
    shape.gives === 'same' ? froms.every((from) => from.origin.keyed) : shape.gives === 'keyed'
  return Array.from({ length: outputs }, (_, port) =>
    keyed
      ? new KeyedStream<unknown>(first.flow, { step, port, keyed })
      : new Stream<unknown>(first.flow, { step, port, keyed }),
  )
}

/** An operator of one input and one output. */
export const placed =
  <U, D>(shape: StepShape): Operator<U, D> =>
  (up) =>
    placeStep(shape, [up])[0] as D

/**
 * Gives the steps of a composite operator ids within its own: `outer.inner`.
 *
 * @example
 * ```ts
 * const evens = scoped('evens', (up: Stream<number>) => up.pipe(filter('test', (n) => n % 2 === 0)))
 * ```
 */
export const scoped =
  <U extends Stream<unknown>, D>(id: string, operator: Operator<U, D>): Operator<U, D> =>
  (up) =>
    upstream(id, up).flow.within(id, () => operator(up))

/**
 * Runs the steps of an operator under an error policy of their own.
 *
 * @param policy - `stop`, `skip`, `{ retry }` or `{ deadLetter }`; see {@link ErrorPolicy}
 */
export const withPolicy =
  <U extends Stream<unknown>, D>(policy: ErrorPolicy, operator: Operator<U, D>): Operator<U, D> =>
  (up) =>
    upstream('withPolicy', up).flow.under(policy, () => operator(up))
