import type { Timer } from '../lib/runtime/runtime.ts'
import type { Signal } from '../lib/signal/signal.ts'
import type { TaskContext, TaskProcessor, Tries } from '../lib/state/task.ts'
import { Ordered, type ResultOrder, type Slot, Unordered } from './result-order.ts'

/** Settled results that may wait behind one that is not, beside those whose calls are pending. */
const MOST_HELD = 1024

/** What is called, and how. */
export interface CallPlan {
  readonly f: (item: unknown, signal: AbortSignal) => unknown
  /** Calls that may be pending at a time, whatever batches their items came in. */
  readonly concurrency: number
  readonly ordered: boolean
  /** Milliseconds a call may take, or infinity. */
  readonly timeout: number
  readonly tries: Tries | null
  /** Called before the items of a batch. */
  readonly begin?: () => void
}

/** An item whose result is being worked for. */
class Call {
  readonly slot: Slot
  tries = 0
  /** Tries that were given up; what they still give is ignored (C4). */
  failures = 0
  timer: Timer | null = null
  controller: AbortController | null = null

  constructor(slot: Slot) {
    this.slot = slot
  }
}

/**
 * Calls that may give promises, one for each item.
 *
 * C1. At most `concurrency` calls are pending; an item that waits for its next try counts.
 * C2. A batch is taken while no item waits for its first call and not too many results are held.
 * C3. No call begins that the step's circuit keeps back.
 * C4. What a call gives after its try was given up, or after the end of the step, is ignored.
 */
export class AsyncCalls implements TaskProcessor {
  readonly #plan: CallPlan
  readonly #context: TaskContext
  readonly #order: ResultOrder
  readonly #pending = new Set<Call>()
  readonly #closing = new AbortController()
  /** Calls whose next try the circuit keeps back. */
  #kept: Call[] = []
  #waiting: Slot[] = []
  #next = 0
  #releasing = false
  #closed = false

  constructor(plan: CallPlan, context: TaskContext) {
    this.#plan = plan
    this.#context = context
    this.#order = plan.ordered ? new Ordered(context) : new Unordered(context)
  }

  get full(): boolean {
    return (
      this.#next < this.#waiting.length || this.#order.held >= MOST_HELD + this.#plan.concurrency
    )
  }

  onBatch(epoch: number, items: readonly unknown[]): void {
    this.#plan.begin?.()
    for (let at = this.#atOnce(epoch, items); at < items.length; at++) {
      this.#waiting.push(this.#order.place(epoch, items[at]))
    }
    this.#pump()
    this.#release()
  }

  onProgress(signal: Signal): void {
    this.#order.progress(signal)
    this.#release()
  }

  close(): void {
    this.#closed = true
    this.#context.circuit?.close()
    this.#closing.abort()
    for (const call of this.#pending) {
      call.timer?.cancel()
      call.controller?.abort()
    }
    this.#pending.clear()
    this.#kept.length = 0
    this.#waiting.length = 0
  }

  /** As long as nothing is owed, results that are there at once need no place to wait in. */
  #atOnce(epoch: number, items: readonly unknown[]): number {
    if (this.#order.held > 0 || this.#usesTimers() || this.#context.circuit !== null) return 0
    const results: unknown[] = []
    for (let at = 0; at < items.length; at++) {
      const item = items[at]
      let result: unknown
      let error: unknown
      let failed = false
      try {
        result = this.#plan.f(item, this.#closing.signal)
      } catch (thrown) {
        failed = true
        error = thrown
      }
      if (!failed && !isThenable(result)) {
        results.push(result)
        continue
      }
      this.#context.emit(epoch, results)
      const call = new Call(this.#order.place(epoch, item))
      this.#pending.add(call)
      call.tries = 1
      if (failed) this.#failed(call, error)
      else this.#await(call, result as PromiseLike<unknown>)
      return at + 1
    }
    this.#context.emit(epoch, results)
    return items.length
  }

  #usesTimers(): boolean {
    return this.#plan.timeout < Number.POSITIVE_INFINITY
  }

  /** Begins calls while there may be more (C1). */
  #pump(): void {
    while (this.#kept.length > 0 && this.#mayBegin()) this.#try(this.#kept.shift() as Call)
    while (this.#next < this.#waiting.length && this.#pending.size < this.#plan.concurrency) {
      if (this.#closed || !this.#mayBegin()) return
      const call = new Call(this.#waiting[this.#next] as Slot)
      this.#next += 1
      this.#pending.add(call)
      this.#try(call)
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting = []
      this.#next = 0
    }
  }

  /** Asks the circuit, which is asked again when it has moved (C3). */
  #mayBegin(): boolean {
    const { circuit } = this.#context
    if (circuit === null || circuit.enter()) return true
    circuit.onChange(() => this.#goOn())
    return false
  }

  #tryAgain(call: Call): void {
    call.timer = null
    if (this.#mayBegin()) this.#try(call)
    else this.#kept.push(call)
    this.#goOn()
  }

  #try(call: Call): void {
    call.tries += 1
    call.timer = null
    let result: unknown
    try {
      result = this.#plan.f(call.slot.item, this.#signalFor(call))
    } catch (error) {
      this.#failed(call, error)
      return
    }
    if (isThenable(result)) this.#await(call, result)
    else this.#succeeded(call, result)
  }

  /** Only calls that can run out of time need a signal of their own. */
  #signalFor(call: Call): AbortSignal {
    if (!this.#usesTimers()) return this.#closing.signal
    call.controller = new AbortController()
    return call.controller.signal
  }

  #await(call: Call, result: PromiseLike<unknown>): void {
    const { failures } = call
    if (this.#usesTimers()) {
      call.timer = this.#context.runtime.after(this.#plan.timeout, () => this.#timedOut(call))
    }
    const stale = (): boolean => call.failures !== failures || call.slot.settled || this.#closed
    result.then(
      (value) => {
        if (stale()) return
        this.#succeeded(call, value)
        this.#goOn()
      },
      (error) => {
        if (stale()) return
        this.#failed(call, error)
        this.#goOn()
      },
    )
  }

  #timedOut(call: Call): void {
    const error = new Error(`no result within ${this.#plan.timeout} ms`)
    error.name = 'TimeoutError'
    // The try is given up first: what its abortion makes of it is ignored (C4).
    const { controller } = call
    this.#failed(call, error)
    controller?.abort(error)
    this.#goOn()
  }

  #succeeded(call: Call, result: unknown): void {
    this.#context.circuit?.succeeded()
    call.slot.result = result
    this.#finish(call)
  }

  #failed(call: Call, error: unknown): void {
    call.timer?.cancel()
    call.failures += 1
    const { tries } = this.#plan
    const { circuit } = this.#context
    const over = circuit?.failed(error) ?? null
    if (over === null && tries !== null && call.tries < tries.attempts) {
      const pause = circuit !== null && circuit.state !== 'closed' ? 0 : tries.backoff
      call.timer = this.#context.runtime.after(pause * 2 ** (call.tries - 1), () =>
        this.#tryAgain(call),
      )
      return
    }
    const { item, epoch } = call.slot
    try {
      const final = over !== null
      this.#context.fail({ callback: 'mapper', error: over ?? error, item, epoch, final })
    } catch (fatal) {
      this.close()
      this.#context.crash(fatal)
      return
    }
    call.slot.dropped = true
    this.#finish(call)
  }

  #finish(call: Call): void {
    call.timer?.cancel()
    call.timer = null
    this.#pending.delete(call)
    this.#order.settle(call.slot)
  }

  /** Something settled outside of a turn: results of the same moment go out together. */
  #goOn(): void {
    if (this.#closed) return
    this.#pump()
    if (this.#releasing) return
    this.#releasing = true
    this.#context.runtime.soon(() => {
      this.#releasing = false
      this.#release()
      if (!this.#closed) this.#context.wake()
    })
  }

  #release(): void {
    if (!this.#closed) this.#order.release()
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
