import type { StateOptions } from '../lib/flow/step.ts'
import type { Operator } from '../lib/flow/stream.ts'
import { KeyTable } from '../lib/state/key-table.ts'
import { KeyedLogic } from '../lib/state/logic.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { TimerHeap } from '../lib/state/timer-heap.ts'
import { takeEmitted } from './emitted.ts'
import { keyedStep } from './keyed-step.ts'

type AnyLogic = KeyedLogic<unknown, unknown>
export type LogicBuilder = (resume: unknown, key: string) => AnyLogic

/** Items a batch at the end of input, so that no batch is as large as the state. */
const BATCH = 4096

/** What a kind of logic object differs in: its name, and how it takes a batch. */
export interface LogicKind {
  readonly name: 'StatefulLogic' | 'StatefulBatchLogic'
  isOne(logic: unknown): boolean
  loop(
    step: LogicStep,
    context: ProcessorContext,
  ): (keys: readonly string[], values: readonly unknown[]) => void
}

/** A step that keeps one logic object a key. */
export const logicStep = <U, D, S>(shape: {
  readonly id: string
  readonly operator: string
  readonly options: StateOptions<S>
  readonly kind: LogicKind
  /** Called once a worker; what it gives is called once a key. */
  readonly builder: (context: ProcessorContext) => LogicBuilder
}): Operator<U, D> =>
  keyedStep({
    id: shape.id,
    operator: shape.operator,
    options: shape.options,
    retryable: false,
    open: (context) => new LogicStep(shape.kind, shape.builder(context), context),
  })

/** Which callback was at work when something was thrown; 0 is the one that takes the value. */
const BUILDER = 1
const NOTIFY_AT = 2

/**
 * The logic objects of one step, their notifications and their end.
 *
 * L1. `notifyAt` is asked after every other call, and when an object has been made from a snapshot.
 * L2. A notification whose time has passed comes in the next turn, once: after it, the time just
 *     notified of is not taken for a new one.
 * L3. Notifications go by (time, key), the end of input by key.
 */
export class LogicStep implements Processor {
  readonly table: KeyTable<AnyLogic>
  readonly onBatch: (keys: readonly string[], values: readonly unknown[]) => void
  readonly #kind: LogicKind
  readonly #context: ProcessorContext
  readonly #timers = new TimerHeap<AnyLogic>()
  #outKeys: string[] = []
  #outValues: unknown[] = []

  constructor(kind: LogicKind, builder: LogicBuilder, context: ProcessorContext) {
    this.#kind = kind
    this.#context = context
    this.table = new KeyTable<AnyLogic>({
      make: (key, resume) => this.#build(builder, key, resume),
      snapshot: (logic) => this.#snapshot(logic),
    })
    this.onBatch = kind.loop(this, context)
  }

  onLoaded(): void {
    for (const logic of this.table.entries.values()) this.#askNext(logic, null)
  }

  nextTimer(): number {
    return this.#timers.next
  }

  onTimer(now: number): void {
    const due: AnyLogic[] = []
    const times: number[] = []
    while (this.#timers.next <= now) {
      times.push(this.#timers.next)
      due.push(this.#timers.pop())
    }
    due.forEach((logic, at) => {
      this.table.touch(logic)
      if (!this.#call(logic, 'onNotify')) this.#askNext(logic, times[at] as number)
    })
    this.#send()
  }

  onEnd(): void {
    const keeps = KeyedLogic.prototype.onEof
    const told: string[] = []
    // What is not told of the end does not change by it, and owes no row.
    for (const [key, logic] of this.table.entries) if (logic.onEof !== keeps) told.push(key)
    for (const key of told.sort()) {
      const logic = this.table.get(key)
      if (logic === undefined) continue
      this.table.touch(logic)
      this.#call(logic, 'onEof')
      if (this.#outValues.length >= BATCH) this.#send()
    }
    this.#send()
  }

  forget(key: string): void {
    const logic = this.table.get(key)
    if (logic !== undefined) this.discard(logic)
  }

  /** Sets, moves or calls off the notification of a key. */
  schedule(logic: AnyLogic, time: number | null): void {
    if (time !== null && (typeof time !== 'number' || Number.isNaN(time))) {
      throw new TypeError('notifyAt must return epoch milliseconds, or null for no notification')
    }
    this.#timers.schedule(logic, time === Number.POSITIVE_INFINITY ? null : time)
  }

  discard(logic: AnyLogic): void {
    if (logic.$place >= 0) this.#timers.schedule(logic, null)
    this.table.remove(logic)
  }

  /** Reports what a callback threw at a value; returns when the value is to be passed over. */
  failed(phase: number, error: unknown, at: { key: string; item: unknown }): void {
    const { name } = this.#kind
    const onValue = name === 'StatefulLogic' ? 'onItem' : 'onBatch'
    const callback =
      phase === BUILDER ? 'builder' : `${name}.${phase === NOTIFY_AT ? 'notifyAt' : onValue}`
    this.#context.fail({ callback, error, ...at })
  }

  #call(logic: AnyLogic, method: 'onNotify' | 'onEof'): boolean {
    let discard = false
    try {
      discard = takeEmitted(logic[method](), this.#outValues)
    } catch (error) {
      this.#context.fail({ callback: `${this.#kind.name}.${method}`, error, key: logic.$key })
    }
    while (this.#outKeys.length < this.#outValues.length) this.#outKeys.push(logic.$key)
    if (discard) this.discard(logic)
    return discard
  }

  #askNext(logic: AnyLogic, notified: number | null): void {
    try {
      const time = logic.notifyAt()
      if (time === null || time !== notified) this.schedule(logic, time)
    } catch (error) {
      this.#context.fail({ callback: `${this.#kind.name}.notifyAt`, error, key: logic.$key })
    }
  }

  #send(): void {
    this.#context.emit(0, this.#outKeys, this.#outValues)
    this.#outKeys = []
    this.#outValues = []
  }

  #build(builder: LogicBuilder, key: string, resume: unknown): AnyLogic {
    if (resume === null) return this.#checked(builder(null, key))
    try {
      return this.#checked(builder(resume, key))
    } catch (error) {
      this.#context.fail({ callback: 'builder', error, key })
      throw error
    }
  }

  #checked(logic: AnyLogic): AnyLogic {
    const { name } = this.#kind
    if (!this.#kind.isOne(logic)) {
      throw new TypeError(
        `the builder must return an instance of a class that extends ${name}; got ${describe(logic)}`,
      )
    }
    if (logic.$key !== '') {
      throw new TypeError(
        `the builder must make a new ${name} for each key; it gave that of key ${JSON.stringify(logic.$key)} again`,
      )
    }
    return logic
  }

  #snapshot(logic: AnyLogic): unknown {
    try {
      return logic.snapshot()
    } catch (error) {
      this.#context.fail({ callback: `${this.#kind.name}.snapshot`, error, key: logic.$key })
      throw error
    }
  }
}

const describe = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Promise) return 'a promise: a builder can not be async'
  return `a ${value.constructor?.name ?? 'bare object'}`
}
