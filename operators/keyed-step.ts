import { BuildError } from '../lib/errors/errors.ts'
import { placed } from '../lib/flow/operator.ts'
import { durationOption } from '../lib/flow/options.ts'
import type { KeyedSpec, StateOptions } from '../lib/flow/step.ts'
import type { Operator } from '../lib/flow/stream.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { withTtl } from '../lib/state/ttl.ts'

/** What differs between the operators that keep state by key. */
export interface KeyedShape<S> {
  readonly id: string
  readonly operator: string
  readonly options: StateOptions<S>
  /** Whether a failed callback leaves the old state, so that it can be called again. */
  readonly retryable: boolean
  readonly open: (context: ProcessorContext) => Processor
}

/** A step that keeps state by key, of one input and one output. */
export const keyedStep = <U, D, S>(shape: KeyedShape<S>): Operator<U, D> =>
  placed({
    id: shape.id,
    operator: shape.operator,
    needsKey: true,
    gives: 'keyed',
    spec: keyedSpec(shape),
  })

/** The same for an operator that places itself; where keys can grow old, they do. */
export const keyedSpec = <S>(shape: KeyedShape<S>): KeyedSpec => {
  const { options, retryable, open } = shape
  const ttl = ttlOf(shape)
  checkVersion(shape)
  return {
    kind: 'keyed',
    outputs: 1,
    retryable,
    options: options as StateOptions,
    open: ttl === null ? open : (context) => withTtl(open(context), ttl, context),
  }
}

/** Milliseconds of the `ttl`, or `null` without one. */
export const ttlOf = <S>({
  id,
  operator,
  options,
}: Pick<KeyedShape<S>, 'id' | 'operator' | 'options'>): number | null => {
  if (options.ttl === undefined) return null
  const ttl = durationOption(`${operator} "${id}": ttl`, options.ttl)
  if (ttl > 0) return ttl
  throw new BuildError(
    `${operator} "${id}": ttl must be longer than nothing, or every key would be forgotten at once.`,
  )
}

/** Versions are stored in four bytes, and compared. */
const checkVersion = <S>({ id, operator, options: { version } }: KeyedShape<S>): void => {
  if (version === undefined || (Number.isInteger(version) && version >= 0 && version < 2 ** 32)) {
    return
  }
  throw new BuildError(
    `${operator} "${id}": version must be a whole number from 0 to 4294967295; got ${String(version)}.`,
  )
}

/** `callback` when it is a function, otherwise a `BuildError` that says where one is missing. */
export const functionOption = <F>(id: string, option: string, callback: F): F => {
  if (typeof callback === 'function') return callback
  throw new BuildError(`Step "${id}": ${option} must be a function; got ${typeof callback}.`)
}
