import { ClusterError } from '../lib/errors/errors.ts'

/** Executions in a row that may fail without committing anything before the flow is given up. */
const MOST_FAILURES = 8
/** Before the second try that follows one in vain: milliseconds, doubling. The first comes at once. */
const FIRST_BACK_OFF = 250
const LAST_BACK_OFF = 5000

/** Executions that failed one after the other, none of which had committed anything. */
export class Failures {
  #inARow = 0
  #committed = 0

  /**
   * How long to wait before the next execution: milliseconds.
   *
   * @param committed - the highest epoch that is known to be committed
   * @throws ClusterError when there were too many, with the last one's cause
   */
  waitAfter(cause: Error, committed: number): number {
    this.#inARow = committed > this.#committed ? 1 : this.#inARow + 1
    this.#committed = Math.max(this.#committed, committed)
    if (this.#inARow > MOST_FAILURES) {
      throw new ClusterError(
        `${this.#inARow} executions in a row failed before they committed anything; the flow is given up. The last: ${cause.message}`,
        { cause },
      )
    }
    if (this.#inARow <= 1) return 0
    return Math.min(LAST_BACK_OFF, FIRST_BACK_OFF * 2 ** (this.#inARow - 2))
  }
}
