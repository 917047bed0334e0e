import type { Actor } from '../lib/actor/actor.ts'
import { type Channel, LOAD_INPUT } from '../lib/actor/inbox.ts'
import { TidemarkError } from '../lib/errors/errors.ts'
import { DATA, END, FRONTIER, type Signal, WATERMARK } from '../lib/signal/signal.ts'

/** What progress promises was broken: a fault of the engine. */
export class ProgressError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_PROGRESS'
}

interface Seen {
  frontier: number
  watermark: number
}

/**
 * Watches every channel of every mailbox: no item behind its frontier or watermark bound, no
 * progress backwards, nothing behind the end. Adds up all it sees to a number, the run's trace.
 */
export class OrderWatch {
  readonly #seen = new WeakMap<Channel, Seen>()
  #low = 0x811c9dc5
  #high = 0x01000193
  /** What was broken first. */
  broken: ProgressError | null = null
  signals = 0

  readonly watch = (worker: number, actor: Actor, channel: Channel, signal: Signal): void => {
    this.signals += 1
    this.#add(worker)
    this.#add(actor.index)
    this.#add(actor.inbox.channels.indexOf(channel))
    this.#add(signal.kind)
    this.#add(signal.epoch === END ? -1 : signal.epoch)
    this.#add(signal.values.length)
    if (channel.input !== LOAD_INPUT) this.#check({ worker, actor, channel }, signal)
  }

  /** Also counts something else that happened. */
  mark(number: number): void {
    this.#add(number)
  }

  /** 64 bits, as hexadecimal digits. */
  get hash(): string {
    return [this.#high, this.#low]
      .map((half) => (half >>> 0).toString(16).padStart(8, '0'))
      .join('')
  }

  #check(at: { worker: number; actor: Actor; channel: Channel }, signal: Signal): void {
    const { channel } = at
    let seen = this.#seen.get(channel)
    if (seen === undefined) {
      seen = { frontier: 0, watermark: Number.NEGATIVE_INFINITY }
      this.#seen.set(channel, seen)
    }
    if (seen.frontier === END) this.#report(at, signal, 'came behind the end')
    switch (signal.kind) {
      case FRONTIER:
        if (signal.epoch < seen.frontier)
          this.#report(at, signal, `moved back from ${seen.frontier}`)
        seen.frontier = signal.epoch
        return
      case WATERMARK:
        // Infinity says that the channel is idle; what it names afterwards goes on from before.
        if (signal.time === Number.POSITIVE_INFINITY) return
        if (signal.time < seen.watermark)
          this.#report(at, signal, `moved back from ${seen.watermark}`)
        seen.watermark = signal.time
        return
      case DATA:
        if (signal.epoch < seen.frontier || signal.epoch === END) {
          this.#report(at, signal, `came behind the frontier ${seen.frontier}`)
        }
        return
      default:
    }
  }

  #report({ worker, actor }: { worker: number; actor: Actor }, signal: Signal, what: string): void {
    const kind = ['Items', 'A watermark', 'A frontier', 'A partition'][signal.kind] ?? 'A signal'
    this.broken ??= new ProgressError(
      `${kind} of epoch ${signal.epoch} ${what}, on its way to step "${actor.name}" on worker ${worker}. This is a fault of the engine.`,
    )
  }

  /** FNV-1a over whole words, in two lanes. */
  #add(number: number): void {
    const word = Math.trunc(number) | 0
    this.#low = Math.imul(this.#low ^ word, 0x01000193)
    this.#high = Math.imul(this.#high ^ (word + (this.#low >>> 7)), 0x85ebca6b)
  }
}
