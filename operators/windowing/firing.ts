import { BuildError } from '../../lib/errors/errors.ts'
import { preview } from '../../lib/errors/preview.ts'
import type { DurationLike } from '../../lib/time/time.ts'
import { finiteLengthOrZero, positiveLength } from './window-options.ts'

/** When a window shows what it holds before it closes. */
export interface WindowTrigger {
  /** After this many values since the window last came out. */
  readonly count?: number
  /** When the watermark reaches a multiple of this length, if values came since the last time. */
  readonly every?: DurationLike
  /** After each value. */
  readonly onChange?: boolean
}

/**
 * How often a window comes out.
 *
 * A window always comes out when the watermark reaches its end. `trigger` adds early results, which
 * always show the window as a whole. `allowedLateness` keeps a closed window for that long: a late
 * value still goes in, and the window comes out again under its id with its metadata, either with
 * everything (`accumulate`) or with only what is new since it last came out (`discard`). What comes
 * after that is late. A late value is applied when it arrives, also in an ordered window. With either option each value is dealt with by itself, so what comes out does
 * not depend on how the input was batched.
 */
export interface FiringOptions {
  /** How far past its end, by the watermark, a window still takes late values; default none. */
  readonly allowedLateness?: DurationLike
  /** What a window that comes out again after its end holds; default `accumulate`. */
  readonly late?: 'accumulate' | 'discard'
  readonly trigger?: WindowTrigger
}

/** The options, checked, in milliseconds; what is off is zero or infinite. */
export interface FiringPolicy {
  readonly allowedLateness: number
  readonly discardsFired: boolean
  readonly count: number
  readonly every: number
}

/** The policy that the options ask for, or `null` where a window comes out once, at its end. */
export const firingPolicy = (options: FiringOptions, operator: string): FiringPolicy | null => {
  const allowedLateness = finiteLengthOrZero(
    options.allowedLateness ?? 0,
    `${operator}: allowedLateness`,
  )
  const { count, every, onChange } = options.trigger ?? {}
  const policy: FiringPolicy = {
    allowedLateness,
    discardsFired: lateMode(options.late, operator) === 'discard',
    count: onChange === true ? 1 : valueCount(count, operator),
    every:
      every === undefined
        ? Number.POSITIVE_INFINITY
        : positiveLength(every, `${operator}: trigger.every`),
  }
  const firesEarly = Number.isFinite(policy.count) || Number.isFinite(policy.every)
  return allowedLateness > 0 || firesEarly ? policy : null
}

const valueCount = (count: number | undefined, operator: string): number => {
  if (count === undefined) return Number.POSITIVE_INFINITY
  if (Number.isInteger(count) && count > 0) return count
  throw new BuildError(
    `${operator}: trigger.count is ${preview(count)}; it must be a whole number of values, 1 or more.`,
  )
}

const lateMode = (late: unknown, operator: string): 'accumulate' | 'discard' => {
  if (late === undefined || late === 'accumulate') return 'accumulate'
  if (late === 'discard') return 'discard'
  throw new BuildError(
    `${operator}: late is ${preview(late)}; it must be 'accumulate' or 'discard'.`,
  )
}

/** What is known of one open window's firing; part of snapshots. */
export interface FiringState {
  /** Values since the window last came out. */
  unfired: number
  /** The watermark at which the window comes out next by `every`; `Infinity` for none. */
  fireAt: number
  /** Whether the window came out because it ended. */
  ended: boolean
}

/** The first multiple of `every` after a time, which is where a changed window comes out. */
export const nextFiring = (time: number, every: number): number =>
  every === Number.POSITIVE_INFINITY ? every : (Math.floor(time / every) + 1) * every
