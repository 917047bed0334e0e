import { agree, median } from './statistics.ts'
import type { Laps, Pace } from './workload.ts'

/** A number of passes that is fixed beforehand. */
export class FixedLaps implements Laps {
  #left: number

  constructor(passes: number) {
    this.#left = passes
  }

  next(): boolean {
    this.#left -= 1
    return this.#left >= 0
  }

  pause(): void {}
  resume(): void {}
}

interface Slice {
  readonly cpuMs: number
  readonly wallMs: number
}

/** Successive slices that must agree before the variant counts as warm, and how closely. */
const AGREEING = 3
const TOLERANCE = 0.05

/** What one moment of the two clocks says. CPU time is that of all threads, collectors included. */
interface Moment {
  readonly cpuMs: number
  readonly wallMs: number
}

const readClocks = (): Moment => ({ cpuMs: cpuMs(), wallMs: performance.now() })

/** CPU time of this process so far, milliseconds. */
export const cpuMs = (): number => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  return (userCPUTime + systemCPUTime) / 1000
}

/** Lets a variant warm up until slices of passes agree, then times a few. */
export class SteadyLaps implements Laps {
  readonly #pace: Pace
  readonly #warm: Slice[] = []
  readonly #timed: Slice[] = []
  #begun = 0
  #started: Moment | null = null
  #paused: Moment | null = null
  #sliceFrom: Moment = { cpuMs: 0, wallMs: 0 }
  #slicePasses = 0
  #steady = false

  constructor(pace: Pace) {
    this.#pace = pace
  }

  next(): boolean {
    if (this.#started === null) {
      this.#started = readClocks()
      this.#sliceFrom = this.#started
      this.#begun = 1
      return true
    }
    this.#slicePasses += 1
    if (performance.now() - this.#sliceFrom.wallMs >= this.#pace.sliceMs) {
      this.#closeSlice(this.#started)
    }
    if (this.#timed.length >= this.#pace.slices) return false
    this.#begun += 1
    return true
  }

  pause(): void {
    this.#paused = readClocks()
  }

  /** Moves the open slice's beginning by as long as the clock stood still. */
  resume(): void {
    if (this.#paused === null) return
    const now = readClocks()
    this.#sliceFrom = {
      cpuMs: this.#sliceFrom.cpuMs + now.cpuMs - this.#paused.cpuMs,
      wallMs: this.#sliceFrom.wallMs + now.wallMs - this.#paused.wallMs,
    }
    this.#paused = null
  }

  /** Passes that were asked for. */
  get passes(): number {
    return this.#begun
  }

  /** Milliseconds a pass takes, the median of the timed slices. */
  get passTime(): Slice {
    return {
      cpuMs: median(this.#timed.map((slice) => slice.cpuMs)),
      wallMs: median(this.#timed.map((slice) => slice.wallMs)),
    }
  }

  #closeSlice(started: Moment): void {
    const now = readClocks()
    const slice = {
      cpuMs: (now.cpuMs - this.#sliceFrom.cpuMs) / this.#slicePasses,
      wallMs: (now.wallMs - this.#sliceFrom.wallMs) / this.#slicePasses,
    }
    if (this.#steady) {
      this.#timed.push(slice)
    } else {
      this.#warm.push(slice)
      this.#steady = this.#isWarm(now.wallMs - started.wallMs)
    }
    this.#sliceFrom = now
    this.#slicePasses = 0
  }

  #isWarm(elapsedMs: number): boolean {
    if (elapsedMs < this.#pace.warmMs) return false
    if (elapsedMs >= this.#pace.warmLimitMs) return true
    const costs = this.#warm.map((slice) => slice.cpuMs)
    return agree(costs, AGREEING, TOLERANCE)
  }
}

/** A turn is timed for so many slices, after half as many to warm up. */
const SLICES_A_TURN = 10

/**
 * One turn of a variant among others in the same process: a warm-up, then one long slice. Its length
 * is one of CPU time.
 */
export class TurnLaps implements Laps {
  readonly #warmMs: number
  readonly #timedMs: number
  #begun = 0
  #timedPasses = 0
  #started = 0
  #from: number | null = null
  #until = 0

  constructor({ sliceMs }: Pace) {
    this.#timedMs = SLICES_A_TURN * sliceMs
    this.#warmMs = this.#timedMs / 2
  }

  next(): boolean {
    const now = cpuMs()
    if (this.#begun === 0) {
      this.#started = now
    } else if (this.#from !== null) {
      this.#timedPasses += 1
      this.#until = now
      if (now - this.#from >= this.#timedMs) return false
    } else if (now - this.#started >= this.#warmMs) {
      this.#from = now
    }
    this.#begun += 1
    return true
  }

  pause(): void {}
  resume(): void {}

  /** Passes that were asked for. */
  get passes(): number {
    return this.#begun
  }

  /** Milliseconds of CPU time that a timed pass took. */
  get cpuMs(): number {
    return (this.#until - (this.#from ?? 0)) / this.#timedPasses
  }
}
