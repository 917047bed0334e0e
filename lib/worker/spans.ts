import type { Runtime } from '../runtime/runtime.ts'
import type { Span, Tracer } from './tracer.ts'

/** Spans of batches, polls and writes that a worker may record at once, and how many a second. */
const MOST_AT_ONCE = 100
const A_SECOND = 100

/** What is known of an epoch of which spans are wanted. */
interface TracedEpoch {
  /** By the monotonic clock, as are all times here. */
  readonly began: number
  /** `null` while it is open. */
  closed: number | null
  batches: number
  items: number
  /** Batches, polls and writes that were left out. */
  untraced: number
}

/** A piece of work that may become a span of its own. */
export interface Work {
  readonly kind: 'step' | 'poll' | 'write'
  readonly step: string
  readonly epoch: number
  /** By the monotonic clock. */
  readonly began: number
  /** Where they are at hand. */
  readonly items?: number
  readonly part?: string | undefined
  readonly failure?: Span['failure']
  /** Whether it comes after its epoch has been committed, as a delivery does. */
  readonly late?: boolean
}

/**
 * The spans of one worker.
 *
 * P1. Of epochs that the tracer does not want nothing is recorded, and asked once.
 * P2. Batches, polls and writes are recorded up to a rate; what is beyond it is counted. A failure is
 *     always recorded.
 * P3. No more is kept than of the epochs that are unfinished, of which there is a limit.
 */
export class Spans {
  readonly #tracer: Tracer
  readonly #runtime: Runtime
  readonly #worker: number
  readonly #began: number
  readonly #epochs = new Map<number, TracedEpoch>()
  #open: number | null = null
  /** From the monotonic clock to the wall's; looked at anew with each epoch. */
  #offset: number
  #left = MOST_AT_ONCE
  #filledAt: number

  constructor(tracer: Tracer, { runtime, worker }: { runtime: Runtime; worker: number }) {
    this.#tracer = tracer
    this.#runtime = runtime
    this.#worker = worker
    this.#began = runtime.monotonic()
    this.#filledAt = this.#began
    this.#offset = runtime.now() - this.#began
  }

  /** Whether there is an unfinished epoch that is wanted: else nobody needs to look at the clock. */
  get recording(): boolean {
    return this.#epochs.size > 0
  }

  now(): number {
    return this.#runtime.monotonic()
  }

  /** An epoch begins, and with that the one before ends. */
  begin(epoch: number): void {
    const now = this.now()
    this.#closeOpen(now)
    this.#offset = this.#runtime.now() - now
    if (!this.#tracer.wants(epoch)) return
    this.#open = epoch
    this.#epochs.set(epoch, { began: now, closed: null, batches: 0, items: 0, untraced: 0 })
  }

  /** Every epoch before this one is durable everywhere: what is known of them is told. */
  committed(epoch: number): void {
    for (const number of this.#epochs.keys()) if (number < epoch) this.#end(number, null)
  }

  /** Something was done for a batch. */
  work(work: Work): void {
    const { kind, epoch, began, items, step, part, failure = null } = work
    const traced = this.#epochs.get(epoch) ?? this.#lateEpoch(work)
    if (traced === null) return
    if (kind === 'step') {
      traced.batches += 1
      traced.items += items ?? 0
    }
    const ended = this.now()
    if (failure === null && !this.#mayRecord(ended)) {
      traced.untraced += 1
      return
    }
    this.#take({
      kind,
      epoch,
      began,
      ended,
      facts: {
        step,
        ...(items === undefined ? {} : { items }),
        ...(part === undefined ? {} : { partition: part }),
      },
      failure,
    })
  }

  /** A write of snapshots has ended; `epoch` is the first that it does not hold. */
  snapshot(
    epoch: number,
    write: { began: number; blocks: number; failure: Span['failure'] },
  ): void {
    if (!this.#epochs.has(epoch - 1)) return
    const { began, blocks, failure } = write
    const facts = { blocks }
    this.#take({ kind: 'snapshot', epoch: epoch - 1, began, ended: this.now(), facts, failure })
  }

  resumed(load: { began: number; epoch: number; rows: number; bytes: number }): void {
    const { began, epoch, rows, bytes } = load
    const facts = { epoch, rows, bytes }
    this.#take({ kind: 'resume', epoch: null, began, ended: this.now(), facts, failure: null })
  }

  /** The run is over. What had not been committed has failed with it, if it has. */
  end(facts: Span['facts'], failure: Span['failure']): void {
    const now = this.now()
    this.#closeOpen(now)
    for (const number of this.#epochs.keys()) this.#end(number, failure)
    if (this.#worker !== 0) return
    const about = { kind: 'run', epoch: null, began: this.#began, ended: now } as const
    this.#take({ ...about, facts, failure })
  }

  #closeOpen(now: number): void {
    if (this.#open === null) return
    const traced = this.#epochs.get(this.#open)
    if (traced !== undefined) traced.closed = now
    this.#open = null
  }

  #end(epoch: number, failure: Span['failure']): void {
    const { began, closed, batches, items, untraced } = this.#epochs.get(epoch) as TracedEpoch
    this.#epochs.delete(epoch)
    const now = this.now()
    const facts = { batches, items, untraced }
    this.#take({ kind: 'worker', epoch, began, ended: closed ?? now, facts, failure })
    // The pacing worker's epoch is the epoch of all, and its run that of all.
    if (this.#worker !== 0) return
    this.#take({ kind: 'epoch', epoch, began, ended: now, facts: {}, failure })
  }

  #lateEpoch({ epoch, began, late = false }: Work): TracedEpoch | null {
    if (!late || !this.#tracer.wants(epoch)) return null
    return { began, closed: began, batches: 0, items: 0, untraced: 0 }
  }

  /** P2, by a bucket that fills with time. */
  #mayRecord(now: number): boolean {
    const filled = this.#left + ((now - this.#filledAt) * A_SECOND) / 1000
    this.#left = Math.min(MOST_AT_ONCE, filled)
    this.#filledAt = now
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }

  #take(span: Span): void {
    const offset = this.#offset
    this.#tracer.take({ ...span, began: span.began + offset, ended: span.ended + offset })
  }
}
