import { BuildError } from '../errors/errors.ts'
import type { CircuitLimits } from '../state/circuit.ts'
import type { Tries } from '../state/task.ts'
import { type DurationLike, durationMillis } from '../time/time.ts'
import type { CircuitPolicy, RetryPolicy } from './policy.ts'

/** `count` when it is a whole number of at least 1, otherwise a `BuildError` naming the option. */
export const positiveCount = (option: string, count: number): number => {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new BuildError(`${option} must be a whole number of at least 1; got ${String(count)}.`)
  }
  return count
}

/** Milliseconds of an option that is a length of time, not negative and finite. */
export const durationOption = (option: string, duration: DurationLike): number => {
  const millis = durationMillis(duration)
  if (!Number.isFinite(millis) || millis < 0) {
    throw new BuildError(
      `${option} must be a length of time: milliseconds, a luxon Duration or its units like { seconds: 5 }; got ${String(duration)}.`,
    )
  }
  return millis
}

/** How often an item is tried and how long the first wait is, checked. */
export const triesOption = (option: string, retry: RetryPolicy): Tries => ({
  attempts: positiveCount(`${option}.attempts`, retry.attempts),
  backoff: durationOption(`${option}.backoff`, retry.backoff),
})

const MOST_OPENINGS = 100

/** When a circuit opens, checked. */
export const circuitOption = (option: string, circuit: CircuitPolicy): CircuitLimits => ({
  failures: positiveCount(`${option}.failures`, circuit.failures),
  within:
    circuit.within === undefined
      ? Number.POSITIVE_INFINITY
      : durationOption(`${option}.within`, circuit.within),
  coolDown: durationOption(`${option}.coolDown`, circuit.coolDown),
  openings: positiveCount(`${option}.openings`, circuit.openings ?? MOST_OPENINGS),
})
