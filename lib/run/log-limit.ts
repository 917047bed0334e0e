import type { Runtime } from '../runtime/runtime.ts'

/** Lines of one kind that are let through within the span, milliseconds. */
const MOST = 20
const SPAN = 60_000
/** Kinds that are remembered; beyond that the oldest is forgotten. */
const MOST_KINDS = 256

interface Kind {
  since: number
  said: number
  leftOut: number
}

/**
 * Keeps a line that comes again and again from filling a log: beyond so many a minute those that
 * differ in nothing but numbers are left out, and the first of the next minute says how many were.
 */
export class LogLimit {
  readonly #runtime: Runtime
  readonly #kinds = new Map<string, Kind>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** The line as it is to be said; `null` where it is left out. */
  pass(message: string): string | null {
    const now = this.#runtime.monotonic()
    const name = message.replace(/\d+/g, '#')
    const known = this.#kinds.get(name)
    if (known === undefined) {
      this.#remember(name, now)
      return message
    }
    if (now - known.since < SPAN) {
      if (known.said >= MOST) {
        known.leftOut += 1
        return null
      }
      known.said += 1
      return message
    }
    const { leftOut } = known
    Object.assign(known, { since: now, said: 1, leftOut: 0 })
    return leftOut === 0 ? message : `${message} (${leftOut} more like this were left out)`
  }

  #remember(name: string, since: number): void {
    this.#kinds.set(name, { since, said: 1, leftOut: 0 })
    for (const oldest of this.#kinds.keys()) {
      if (this.#kinds.size <= MOST_KINDS) break
      this.#kinds.delete(oldest)
    }
  }
}
