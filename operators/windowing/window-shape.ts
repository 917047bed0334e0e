import { BuildError } from '../../lib/errors/errors.ts'
import { preview } from '../../lib/errors/preview.ts'
import { placeStep } from '../../lib/flow/operator.ts'
import type { KeyedSpec, StateOptions } from '../../lib/flow/step.ts'
import type { KeyedStream } from '../../lib/flow/stream.ts'
import { keyedSpec } from '../keyed-step.ts'
import { Clock } from './clock.ts'
import { EventClock } from './event-clock.ts'
import { type FiringOptions, firingPolicy } from './firing.ts'
import type { KeepWindows } from './keep-windows.ts'
import { WatermarkClock } from './watermark-clock.ts'
import type { WindowMetadata } from './window-metadata.ts'
import { type BuildLogic, checkLateness, type WindowPlan } from './window-plan.ts'
import { WindowProcessor } from './window-processor.ts'
import { Windower } from './windower.ts'

/** The streams that a window operator gives; `windowId` says which window of the key it is about. */
export interface WindowOut<V, W> {
  /** What comes out of windows. */
  readonly down: KeyedStream<[windowId: number, W]>
  /** Values that came too late, once for each window they would have belonged to. */
  readonly late: KeyedStream<[windowId: number, V]>
  /** What is known of each window that closed. */
  readonly meta: KeyedStream<[windowId: number, WindowMetadata]>
}

/** What every window operator is told first: how time is told, and how it is cut into windows. */
export interface WindowOptions<V> extends FiringOptions {
  readonly clock: Clock<V, unknown>
  readonly windower: Windower<unknown>
}

/** As {@link WindowOptions}, where the order of values within a window can be chosen. */
export interface OrderedWindowOptions<V> extends WindowOptions<V> {
  /**
   * Whether the values of a window are applied by their time, each when the watermark has reached it;
   * otherwise as they arrive.
   * @defaultValue true
   */
  readonly ordered?: boolean
}

/** A window operator, as it differs from the others. */
export interface WindowShape<T, V, W> {
  readonly id: string
  readonly operator: string
  readonly options: OrderedWindowOptions<T>
  readonly state: StateOptions
  /** What failed where a value's time was known. */
  readonly role: string
  /** What the windows read time by, where that is not the user's clock itself. */
  readonly clock?: Clock<V, unknown>
  readonly logic: BuildLogic<V, W>
  readonly ordered: boolean
  readonly keep: (plan: WindowPlan<V, W>) => KeepWindows<V, W>
  readonly taken?: (values: readonly unknown[], input: number) => readonly V[]
  readonly own?: (value: V) => unknown
}

/** Places a step of windows behind its sides. */
export const placeWindows = <T, V, W>(
  shape: WindowShape<T, V, W>,
  ups: readonly unknown[],
): WindowOut<T, W> => {
  const { id, operator } = shape
  const step = { id, operator, needsKey: true, gives: 'keyed', spec: windowSpec(shape) } as const
  const [down, late, meta] = placeStep(step, ups, 3)
  return { down, late, meta } as WindowOut<T, W>
}

const windowSpec = <T, V, W>(shape: WindowShape<T, V, W>): KeyedSpec => {
  const { id, operator, options, state, role, logic, ordered } = shape
  const name = `${operator} "${id}"`
  checkParts(options, name)
  const firing = firingPolicy(options, name)
  checkLateness(options.windower, firing, name)
  const clock = shape.clock ?? (options.clock as Clock<never, unknown> as Clock<V, unknown>)
  const plan: WindowPlan<V, W> = { clock, windower: options.windower, logic, ordered, firing }
  const windows = {
    role,
    clockRole: clockRole(options.clock),
    keep: shape.keep(plan),
    taken: shape.taken ?? ((values) => values as readonly V[]),
    own: shape.own ?? ((value: V) => value),
  }
  return {
    ...keyedSpec({
      id,
      operator,
      options: state,
      retryable: false,
      open: (context) => new WindowProcessor(windows, context),
    }),
    outputs: 3,
    needsWatermarks: followsStream(options.clock),
  }
}

/** Whether a clock is moved by the watermarks of the stream, so that some must be made upstream. */
export const followsStream = (clock: Clock<never, unknown>): boolean =>
  clock instanceof WatermarkClock

/** What a clock calls the user's code that tells the time. */
export const clockRole = (clock: Clock<never, unknown>): string =>
  clock instanceof WatermarkClock || clock instanceof EventClock ? 'timestamp' : 'ClockLogic.onItem'

/** @throws BuildError where there is no clock or no windower */
const checkParts = (options: WindowOptions<never>, name: string): void => {
  checkClock(options?.clock, name)
  if (options.windower instanceof Windower) return
  throw new BuildError(
    `${name} needs a windower, as in { windower: new TumblingWindower({ length, alignTo }) }; got ${preview(options.windower)}.`,
  )
}

/** @throws BuildError where there is no clock */
export const checkClock = (clock: unknown, name: string): void => {
  if (clock instanceof Clock) return
  throw new BuildError(
    `${name} needs a clock, as in { clock: new WatermarkClock({ timestamp }) }; got ${preview(clock)}.`,
  )
}
