/**
 * Nanoseconds from an arbitrary origin that all threads of this process share, unlike that of
 * `performance.now`; never moves back, and goes on while the process is stopped.
 */
export const processClock = (): bigint => process.hrtime.bigint()
