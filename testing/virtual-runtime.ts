import { TidemarkError } from '../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../lib/flow/options.ts'
import type { Runtime, Timer } from '../lib/runtime/runtime.ts'
import { type DurationLike, durationMillis, epochMillis, type TimeLike } from '../lib/time/time.ts'
import { Chance } from './chance.ts'
import { TimerQueue } from './timer-queue.ts'

/** Looks at the clock within one task that are free, and what each further one costs: milliseconds. */
const FREE_LOOKS = 512
const COST_OF_A_LOOK = 0.1

/** How long the background may go on alone before nothing else is expected of it: milliseconds. */
const FORLORN = 120_000

export interface VirtualRuntimeOptions {
  /** What decides everything that is left to chance. @defaultValue 1 */
  readonly seed?: number
  /** Where the wall clock stands at first. @defaultValue 2022-01-01T00:00Z */
  readonly start?: TimeLike
  /**
   * The most that a look at the clock costs, so that work takes time; how much, chance decides.
   * @defaultValue 0
   */
  readonly work?: DurationLike
}

/** How long a run may go on. */
export interface RunLimits {
  /** Tasks after which a run that has not ended is given up. @defaultValue 10 million */
  readonly steps?: number
  /** Called before each task; what it throws ends the run. */
  readonly between?: () => void
  /** Says what is being waited for, when nothing can happen any more. */
  readonly stuck?: () => string
}

/** Nothing is ready, no timer is set, and what was waited for has not come. */
export class DeadlockError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_DEADLOCK'
}

interface Task {
  due: number
  order: number
  readonly owner: VirtualProcess | null
  body: (() => void) | null
}

/**
 * Time, timers and chance from a seed: the same seed gives the same run.
 *
 * V1. Of the tasks that are ready, the seed chooses the next.
 * V2. Time stands still while anything is ready; then it jumps to the earliest timer. A task that
 *     looks at the clock again and again moves it, so that none can keep the others out for good.
 * V3. Between two tasks every promise that can settle does. What waits for anything else than
 *     promises and this runtime (files, sockets, worker threads) is not seen, and not waited for.
 *
 * @example
 * ```ts
 * const runtime = new VirtualRuntime({ seed: 7 })
 * await runtime.run(run(flow, { runtime }))
 * ```
 */
export class VirtualRuntime implements Runtime {
  readonly seed: number
  readonly #choice: Chance
  readonly #chance: Chance
  readonly #work: number
  readonly #timers = new TimerQueue<Task>()
  #ready: Task[] = []
  /** When a task last ran that is not of the background. */
  #attended = 0
  #wall: number
  #elapsed = 0
  #looks = 0
  #order = 0
  #steps = 0

  constructor({ seed = 1, start = Date.UTC(2022, 0, 1), work = 0 }: VirtualRuntimeOptions = {}) {
    this.seed = seed
    const chance = new Chance(seed)
    this.#choice = chance.fork()
    this.#chance = chance.fork()
    this.#wall = epochMillis(start)
    this.#work = durationOption('work', work)
  }

  /** Tasks that have run. */
  get steps(): number {
    return this.#steps
  }

  /** The monotonic clock, for the world around a run: looking at it costs nothing. */
  get elapsed(): number {
    return this.#elapsed
  }

  now(): number {
    return Math.floor(this.#wall + this.#elapsed)
  }

  monotonic(): number {
    this.#looks += 1
    if (this.#work > 0) this.#elapsed += this.#choice.number() * this.#work
    else if (this.#looks > FREE_LOOKS) this.#elapsed += COST_OF_A_LOOK
    return this.#elapsed
  }

  after(delay: number, task: () => void): Timer {
    return this.schedule(delay, task, null)
  }

  soon(task: () => void): void {
    this.schedule(0, task, null)
  }

  random(): number {
    return this.#chance.number()
  }

  /** Sets the wall clock forward or back; timers, which count from when they were set, stay. */
  jump(by: DurationLike): void {
    this.#wall += durationMillis(by)
  }

  /** A runtime with this one's time whose tasks can be paused and stopped for good. */
  fork(): VirtualProcess {
    return new VirtualProcess(this)
  }

  /**
   * Runs until `work` has settled, and gives what it resolves with.
   *
   * @throws what `work` rejects with; DeadlockError when it can never settle; TidemarkError when it
   * takes too many steps
   */
  async run<T>(work: Promise<T>, limits: RunLimits = {}): Promise<T> {
    const most = this.#steps + positiveCount('steps', limits.steps ?? 10_000_000)
    let settled = false
    const watched = work.finally(() => {
      settled = true
    })
    watched.catch(() => {})
    await settle()
    while (!settled) {
      limits.between?.()
      if (!(await this.step()) && !settled) throw this.#deadlock(limits.stuck?.() ?? '')
      if (this.#isForlorn && !settled) throw this.#deadlock(limits.stuck?.() ?? '')
      if (this.#steps > most) {
        throw new TidemarkError(
          `The run has not ended after ${most} tasks (seed ${this.seed}). Stop its flow, or raise the limit: { steps }.`,
        )
      }
    }
    return watched
  }

  /** Runs all that happens within a time. */
  async advance(duration: DurationLike): Promise<void> {
    const until = this.#elapsed + durationOption('advance', duration)
    await settle()
    while (this.#nextTime() <= until) await this.step()
    this.#elapsed = Math.max(this.#elapsed, until)
  }

  /** Runs one task, and what it sets free; false when there is none. */
  async step(): Promise<boolean> {
    const task = this.#take()
    if (task === null) {
      await settle()
      return false
    }
    const { body } = task
    task.body = null
    this.#steps += 1
    this.#looks = 0
    if (task.owner?.background !== true) this.#attended = this.#elapsed
    body?.()
    await settle()
    return true
  }

  /** @internal For {@link VirtualProcess}. */
  schedule(delay: number, body: () => void, owner: VirtualProcess | null): Timer {
    // A broken delay must not become a task that never comes, or that time never gets past.
    const wait = delay > 0 ? delay : 0
    const task: Task = { due: this.#elapsed + wait, order: this.#order++, owner, body }
    if (wait === 0) this.#ready.push(task)
    else if (wait !== Number.POSITIVE_INFINITY) this.#timers.push(task)
    return {
      cancel: () => {
        task.body = null
      },
    }
  }

  /** Nothing but the background has gone on for long, and nothing else is to come. */
  get #isForlorn(): boolean {
    if (this.#elapsed - this.#attended < FORLORN) return false
    const isAwaited = (task: Task): boolean => isWanted(task) && task.owner?.background !== true
    if (this.#ready.some(isAwaited) || this.#timers.some(isAwaited)) {
      this.#attended = this.#elapsed
      return false
    }
    return true
  }

  #deadlock(waits: string): DeadlockError {
    return new DeadlockError(
      `Nothing is ready, no timer is set, and what is waited for has not come (seed ${this.seed}).${waits === '' ? '' : `\n${waits}`}`,
    )
  }

  #nextTime(): number {
    this.#ready = this.#ready.filter(isWanted)
    if (this.#ready.length > 0) return this.#elapsed
    this.#dropUnwanted()
    return this.#timers.first?.due ?? Number.POSITIVE_INFINITY
  }

  /** The next task: one of those that are ready, after those that have become due (V1, V2). */
  #take(): Task | null {
    for (;;) {
      this.#ripen()
      if (this.#ready.length === 0) {
        const next = this.#timers.first
        if (next === undefined) return null
        this.#elapsed = Math.max(this.#elapsed, next.due)
        continue
      }
      const at = this.#choice.below(this.#ready.length)
      const task = this.#ready[at] as Task
      const last = this.#ready.pop() as Task
      if (at < this.#ready.length) this.#ready[at] = last
      if (!isWanted(task)) continue
      const paused = task.owner?.pausedUntil ?? 0
      if (paused <= this.#elapsed) return task
      task.due = paused
      task.order = this.#order++
      this.#timers.push(task)
    }
  }

  #ripen(): void {
    for (;;) {
      this.#dropUnwanted()
      const next = this.#timers.first
      if (next === undefined || next.due > this.#elapsed) return
      this.#ready.push(next)
      this.#timers.shift()
    }
  }

  /** What was called off must not make time jump. */
  #dropUnwanted(): void {
    for (;;) {
      const next = this.#timers.first
      if (next === undefined || isWanted(next)) return
      this.#timers.shift()
    }
  }
}

/** One process of a virtual world: it lives on the world's time until it is killed. */
export class VirtualProcess implements Runtime {
  readonly #world: VirtualRuntime
  readonly #parent: VirtualProcess | null
  /** @internal */
  readonly background: boolean
  #pausedUntil = 0
  #dead = false

  constructor(
    world: VirtualRuntime,
    parent: VirtualProcess | null = null,
    background: boolean = false,
  ) {
    this.#world = world
    this.#parent = parent
    this.background = background
  }

  get dead(): boolean {
    return this.#dead || this.#parent?.dead === true
  }

  /** On the world's monotonic clock. */
  get pausedUntil(): number {
    return Math.max(this.#pausedUntil, this.#parent?.pausedUntil ?? 0)
  }

  now(): number {
    return this.#world.now()
  }

  monotonic(): number {
    return this.#world.monotonic()
  }

  after(delay: number, task: () => void): Timer {
    return this.#world.schedule(delay, task, this)
  }

  soon(task: () => void): void {
    this.#world.schedule(0, task, this)
  }

  random(): number {
    return this.#world.random()
  }

  /** A thread of this process: paused by itself, dead with the process. */
  fork(): VirtualProcess {
    return new VirtualProcess(this.#world, this)
  }

  /**
   * As {@link fork}, for what goes on as long as it is let: when nothing else is left to happen for
   * two minutes, nothing is taken to be.
   *
   * @internal
   */
  aside(): VirtualProcess {
    return new VirtualProcess(this.#world, this, true)
  }

  /** Runs nothing for so long; then what has become due meanwhile. */
  pause(duration: DurationLike): void {
    const until = this.#world.monotonic() + durationOption('pause', duration)
    this.#pausedUntil = Math.max(this.#pausedUntil, until)
  }

  /** Runs nothing any more. */
  kill(): void {
    this.#dead = true
  }
}

const isWanted = (task: Task): boolean => task.body !== null && task.owner?.dead !== true

/**
 * Lets every promise settle that can: they all do before the event loop comes round to an immediate.
 */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })
