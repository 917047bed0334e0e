import { placed } from '../lib/flow/operator.ts'
import type { Callback, StatelessOp } from '../lib/flow/step.ts'
import type { Operator } from '../lib/flow/stream.ts'
import { functionOption } from './keyed-step.ts'

/** What differs between the stateless operators. */
export interface StatelessShape {
  /** The engine's name for what is done, which is the operator's too unless that is given. */
  readonly op: StatelessOp
  readonly operator?: string
  readonly callback: Callback
  /** What the user knows the callback as. */
  readonly role: string
  readonly gives: 'keyed' | 'unkeyed' | 'same'
  readonly needsKey?: boolean
}

/** A step that keeps nothing; the engine fuses it with its neighbours. */
export const stateless = <U, D>(id: string, shape: StatelessShape): Operator<U, D> => {
  const { op, operator = op, callback, role, gives, needsKey = false } = shape
  return placed<U, D>({
    id,
    operator,
    spec: { kind: 'stateless', op, callback: functionOption(id, role, callback), role },
    gives,
    needsKey,
  })
}
