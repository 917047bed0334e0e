import type { Subscriber } from 'rxjs'
import { ALL_PORTS, DATA, END, FRONTIER, type Signal, SNAPSHOT_PORT } from '../signal/signal.ts'
import type { Behavior } from './behavior.ts'
import { Inbox, LOAD_INPUT } from './inbox.ts'
import { Observable } from './observable.ts'
import type { Timing } from './timing.ts'

/** One end of an edge, as its sender sees it. */
export interface Outlet {
  send(signal: Signal): void
  /** Whether the sender should wait until there is room. */
  readonly full: boolean
}

/** Is told of the progress that an actor has handled. */
interface Reached {
  reached(epoch: number): void
}

/** Takes note of batches. */
interface Notes {
  batch(batch: Signal): void
}

/** What an actor asks of the worker it lives on. */
export interface Host {
  /** The actor has something to do. */
  schedule(actor: Actor): void
  /** The actor cannot go on: user code threw, or the engine is wrong. */
  fail(error: unknown, actor: Actor): void
  /** The actor has passed the end of its input on. */
  ended(actor: Actor): void
}

/**
 * One step on one worker: a mailbox, one message at a time, and a behavior that is an RxJS
 * pipeline over signals.
 *
 * A1. A signal is handled to its end before the next is taken.
 * A2. A batch is taken only while every output has room and no earlier work is pending.
 * A3. Progress needs no room.
 */
export class Actor {
  /** Its place in the order of the graph: upstream is smaller. */
  readonly index: number
  readonly name: string
  readonly inbox: Inbox = new Inbox()
  readonly behavior: Behavior
  readonly #host: Host
  readonly #outlets: Outlet[][] = []
  readonly #snapshots: Outlet[] = []
  #every: Outlet[] = []
  #inlet: Subscriber<Signal> | null = null
  #pending = 0
  #stopped = false
  ended = false
  /** Whether the recorders hear of its progress as it is, since the behavior has no rows of its own. */
  mirrorsProgress = false
  itemsIn = 0
  /** Items by output, as far as anybody takes them. */
  readonly itemsOut: number[] = []
  timing: Timing | null = null
  /** Takes note of the batch in hand; `null` where nobody looks. */
  whereabouts: Notes | null = null
  progress: Reached | null = null

  constructor(index: number, name: string, behavior: Behavior, host: Host) {
    this.index = index
    this.name = name
    this.behavior = behavior
    this.#host = host
  }

  /** Adds an end to an output of the step. */
  connect(port: number, outlet: Outlet): void {
    if (port === SNAPSHOT_PORT) {
      this.#snapshots.push(outlet)
      return
    }
    while (this.#outlets.length <= port) {
      this.#outlets.push([])
      this.itemsOut.push(0)
    }
    const ends = this.#outlets[port] as Outlet[]
    ends.push(outlet)
    this.#every.push(outlet)
  }

  start(): void {
    new Observable<Signal>((inlet) => {
      this.#inlet = inlet
    })
      .pipe(this.behavior.pipeline())
      .subscribe({
        next: (signal) => this.#route(signal),
        error: (error) => this.#host.fail(error, this),
      })
  }

  /** Sees nothing more, whatever is still in the mailbox. */
  stop(): void {
    this.#stopped = true
  }

  /** Keeps further batches and progress back until `work` has settled. */
  hold(work: Promise<unknown>): void {
    this.#pending += 1
    work.then(
      () => {
        this.#pending -= 1
        this.#host.schedule(this)
      },
      (error) => this.#host.fail(error, this),
    )
  }

  get held(): boolean {
    return this.#pending > 0
  }

  /** Whether a run would do anything. */
  get runnable(): boolean {
    if (this.#stopped || this.#pending > 0 || this.ended || !this.inbox.ready) return false
    return !this.#blocked()
  }

  get full(): boolean {
    for (const outlet of this.#every) if (outlet.full) return true
    return false
  }

  /** What it waits for, in a few words. */
  get waits(): string {
    const { frontier, channels } = this.inbox
    const behind = channels.filter((channel) => channel.frontier === frontier).length
    const why = [
      this.#pending > 0 ? `for ${this.#pending} pending calls` : '',
      this.full ? 'for room downstream' : '',
      this.behavior.full ? 'for its own room' : '',
      this.inbox.ready ? 'to be run' : `for ${behind} of ${channels.length} channels`,
    ]
    return `${this.name} at epoch ${frontier} waits ${why.filter((each) => each !== '').join(', ')}`
  }

  /** Handles up to `most` signals. */
  run(most: number): void {
    for (let left = most; left > 0 && this.runnable; left--) {
      const signal = this.inbox.take()
      if (signal === null) return
      if (signal.kind === DATA) this.#handleBatch(signal)
      else this.#handleProgress(signal)
    }
  }

  /** Rows of a snapshot are no items. */
  #handleBatch(batch: Signal): void {
    if (this.inbox.input !== LOAD_INPUT) this.itemsIn += batch.values.length
    this.whereabouts?.batch(batch)
    const { timing } = this
    if (timing === null) {
      this.#inlet?.next(batch)
      return
    }
    timing.begin()
    this.#inlet?.next(batch)
    timing.end()
    // A batch that made the actor fail has been noted with its failure.
    if (!this.#stopped) timing.note(this.name, batch)
  }

  #handleProgress(signal: Signal): void {
    this.#inlet?.next(signal)
    if (signal.kind === FRONTIER && !this.#stopped) this.progress?.reached(signal.epoch)
  }

  #blocked(): boolean {
    return (this.full || this.behavior.full) && this.inbox.headIsData
  }

  #route(signal: Signal): void {
    try {
      if (signal.port === ALL_PORTS) {
        for (const outlet of this.#every) outlet.send(signal)
        if (this.mirrorsProgress && signal.kind === FRONTIER) {
          for (const outlet of this.#snapshots) outlet.send(signal)
        }
        if (signal.kind === FRONTIER && signal.epoch === END) {
          this.ended = true
          this.#host.ended(this)
        }
      } else if (signal.port === SNAPSHOT_PORT) {
        for (const outlet of this.#snapshots) outlet.send(signal)
      } else {
        const ends = this.#outlets[signal.port]
        if (ends === undefined) return
        this.itemsOut[signal.port] = (this.itemsOut[signal.port] as number) + signal.values.length
        for (const outlet of ends) outlet.send(signal)
      }
    } catch (error) {
      this.#host.fail(error, this)
    }
  }
}
