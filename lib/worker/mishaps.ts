import { preview } from '../errors/preview.ts'
import { reason } from '../errors/step-error.ts'
import type { Failure } from '../state/processor.ts'

/** An item that failed and was passed over; plain data, and short. */
export interface Mishap {
  /** The step's id without the flow's name. */
  readonly step: string
  readonly callback: string
  /** What the error says. */
  readonly error: string
  /** A picture of the item without what looks like a secret. */
  readonly item: string
  readonly key: string | null
  /** Wall-clock time, epoch milliseconds. */
  readonly time: number
}

const MOST = 16
const LONGEST_ERROR = 300

interface Noted {
  readonly step: string
  readonly failure: Failure
  readonly time: number
}

/**
 * The items that failed and were passed over: how many, and the latest of them. These are drawn when
 * somebody asks: where half of all items fail, nobody waits for pictures.
 */
export class Mishaps {
  readonly #noted: Noted[] = []
  readonly #counts = new Map<string, number>()
  #next = 0
  #total = 0

  note(step: string, failure: Failure, time: number): void {
    this.#total += 1
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + 1)
    this.#noted[this.#next] = { step, failure, time }
    this.#next = (this.#next + 1) % MOST
  }

  get total(): number {
    return this.#total
  }

  /** How many each step had, where it had any. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  /** The newest last. */
  get latest(): readonly Mishap[] {
    const inOrder = [...this.#noted.slice(this.#next), ...this.#noted.slice(0, this.#next)]
    return inOrder.map(({ step, failure, time }) => ({
      step,
      callback: failure.callback,
      error: short(reason(failure.error)),
      item: preview(failure.item),
      key: failure.key === undefined ? null : preview(failure.key),
      time,
    }))
  }
}

const short = (text: string): string =>
  text.length > LONGEST_ERROR ? `${text.slice(0, LONGEST_ERROR - 1)}…` : text
