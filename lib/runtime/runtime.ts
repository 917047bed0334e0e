/**
 * The one door through which the engine meets time, timers and chance. With the system's runtime a
 * flow runs for real; with a virtual one a whole cluster runs from a seed, the same way each time.
 */

/** Something that was asked for later and can still be called off. */
export interface Timer {
  cancel(): void
}

export interface Runtime {
  /** Wall-clock time, epoch milliseconds; may jump. */
  now(): number
  /** Milliseconds from an arbitrary origin; never moves back. */
  monotonic(): number
  /** Calls `task` once, `delay` milliseconds from now; a delay may be years. */
  after(delay: number, task: () => void): Timer
  /** Calls `task` once, as soon as other work of the process has had its turn. */
  soon(task: () => void): void
  /** A number in [0, 1). */
  random(): number
}
