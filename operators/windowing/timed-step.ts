import { placeStep } from '../../lib/flow/operator.ts'
import type { StateOptions } from '../../lib/flow/step.ts'
import type { Processor, ProcessorContext } from '../../lib/state/processor.ts'
import { keyedSpec } from '../keyed-step.ts'
import type { Clock } from './clock.ts'
import { checkClock, followsStream } from './window-shape.ts'

/** Places a step of timed values behind its sides. */
export const placeTimed = (
  shape: {
    readonly id: string
    readonly operator: string
    readonly clock: Clock<never, unknown>
    readonly state: StateOptions
    readonly open: (context: ProcessorContext) => Processor
  },
  ups: readonly unknown[],
): unknown => {
  const { id, operator, clock, state, open } = shape
  checkClock(clock, `${operator} "${id}"`)
  const spec = {
    ...keyedSpec({ id, operator, options: state, retryable: false, open }),
    needsWatermarks: followsStream(clock),
  }
  return placeStep({ id, operator, needsKey: true, gives: 'keyed', spec }, ups)[0]
}
