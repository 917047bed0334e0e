import {
  AbortExecution,
  ConnectorError,
  type Runtime,
  type SlotContext,
  TransactionalSink,
  TransactionalSinkPartition,
  WriteAheadPartition,
  WriteAheadSink,
} from 'tidemark'

/** What may go wrong around one call from the flow to the outside. */
export type Mishap =
  | 'none'
  /** The flow dies before the call does anything. */
  | 'dieBefore'
  /** The flow dies when it has, and never hears of it. */
  | 'dieAfter'
  /** Nothing is done: the system is away. */
  | 'away'
  /** It is done, and the answer is lost. */
  | 'mute'
  /** The answer is lost, and it is done when somebody next calls, perhaps of a later execution. */
  | 'late'

/** One call: `deliver` of slot 3, epoch 7. */
export interface Call {
  readonly name: string
  readonly slot: string
  readonly execution: number
  readonly epoch: number | null
}

interface SlotRecord {
  execution: number
  marker: number | null
}

/** An outside system that outlives the runs of a flow, with what such a system needs: fences and markers. */
export class Outside<T> {
  /** What was published, in order. */
  readonly rows: { readonly slot: string; readonly epoch: number; readonly item: T }[] = []
  readonly calls: Call[] = []
  readonly #slots = new Map<string, SlotRecord>()
  readonly #staged = new Map<string, { readonly epoch: number; readonly items: readonly T[] }>()
  readonly #published = new Set<string>()
  readonly #mishap: (call: Call) => Mishap
  readonly #late: (() => void)[] = []
  readonly #naive: boolean
  readonly #unfenced: boolean
  runtime: Runtime | null = null

  /**
   * A naive one takes an epoch again that its marker names already, or that is published; an unfenced
   * one goes on taking what older executions write.
   */
  constructor(
    mishap: (call: Call) => Mishap = () => 'none',
    { naive = false, unfenced = false } = {},
  ) {
    this.#mishap = mishap
    this.#naive = naive
    this.#unfenced = unfenced
  }

  get items(): T[] {
    return this.rows.map(({ item }) => item)
  }

  get stagedEpochs(): string[] {
    return [...this.#staged.keys()]
  }

  marker(slot: string): number | null {
    return this.#slots.get(slot)?.marker ?? null
  }

  /** One call over an unreliable way. */
  async call<R>(call: Call, effect: () => R): Promise<R> {
    this.calls.push(call)
    await this.#travel()
    for (const late of this.#late.splice(0)) late()
    const mishap = this.#mishap(call)
    if (mishap === 'dieBefore') throw new AbortExecution()
    if (mishap === 'away') throw new ConnectorError('it is away', { retryable: true })
    if (mishap === 'late') {
      this.#late.push(() => {
        try {
          effect()
        } catch {
          // Nobody is there to hear that a late call was refused.
        }
      })
      throw new ConnectorError('no answer in time', { retryable: true })
    }
    const result = effect()
    if (mishap === 'dieAfter') throw new AbortExecution()
    if (mishap === 'mute') throw new ConnectorError('the answer was lost', { retryable: true })
    await this.#travel()
    return result
  }

  fence(slot: string, execution: number): void {
    const record = this.#slots.get(slot)
    if (record === undefined) this.#slots.set(slot, { execution, marker: null })
    else if (record.execution > execution) throw fencedOff(slot, execution)
    else record.execution = execution
  }

  /** Rows and marker as one; an epoch that the marker names already is there. */
  deliver(at: { slot: string; execution: number; epoch: number }, items: readonly T[]): void {
    const record = this.#slots.get(at.slot)
    if (record === undefined || (record.execution !== at.execution && !this.#unfenced)) {
      throw fencedOff(at.slot, at.execution)
    }
    if (!this.#naive && record.marker !== null && record.marker >= at.epoch) return
    record.marker = at.epoch
    this.#publish(at, items)
  }

  stage(at: { slot: string; execution: number; epoch: number }, items: readonly T[]): string {
    if (this.#slots.get(at.slot)?.execution !== at.execution) throw fencedOff(at.slot, at.execution)
    const id = `${at.slot}/${at.epoch}/${at.execution}`
    this.#staged.set(id, { epoch: at.epoch, items })
    return id
  }

  discard(slot: string, from: number): void {
    if (this.#unfenced) return
    for (const [id, { epoch }] of this.#staged) {
      if (id.startsWith(`${slot}/`) && epoch >= from) this.#staged.delete(id)
    }
  }

  publish(id: string): void {
    if (this.#published.has(id) && !this.#naive) return
    const staged = this.#staged.get(id)
    if (staged === undefined) throw new Error(`${id} was promised and is not staged`)
    this.#published.add(id)
    if (!this.#naive) this.#staged.delete(id)
    this.#publish({ slot: id.split('/')[0] as string, epoch: staged.epoch }, staged.items)
  }

  abort(id: string): void {
    this.#staged.delete(id)
  }

  #publish({ slot, epoch }: { slot: string; epoch: number }, items: readonly T[]): void {
    for (const item of items) this.rows.push({ slot, epoch, item })
  }

  async #travel(): Promise<void> {
    const { runtime } = this
    if (runtime === null) return
    await new Promise<void>((resolve) => runtime.after(runtime.random() * 3, resolve))
  }
}

const fencedOff = (slot: string, execution: number): Error =>
  new ConnectorError(`slot ${slot} is no longer written by execution ${execution}`)

/** Writes ahead into an {@link Outside}. */
export class OutsideWriteAheadSink<T> extends WriteAheadSink<T> {
  readonly #outside: Outside<T>
  override readonly stageBytes: number

  constructor(outside: Outside<T>, stageBytes = 1024 * 1024) {
    super()
    this.#outside = outside
    this.stageBytes = stageBytes
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#outside.runtime = runtime
  }

  override async build(_stepId: string, slot: string, { execution }: { execution: number }) {
    const outside = this.#outside
    await outside.call({ name: 'build', slot, execution, epoch: null }, () => {})
    return new OutsideSlot(outside, slot, execution)
  }
}

class OutsideSlot<T> extends WriteAheadPartition<T> {
  readonly #outside: Outside<T>
  readonly #at: { readonly slot: string; readonly execution: number }

  constructor(outside: Outside<T>, slot: string, execution: number) {
    super()
    this.#outside = outside
    this.#at = { slot, execution }
  }

  override fence(execution: number): Promise<void> {
    const call = { name: 'fence', ...this.#at, epoch: null }
    return this.#outside.call(call, () => this.#outside.fence(this.#at.slot, execution))
  }

  override delivered(): Promise<number | null> {
    const call = { name: 'delivered', ...this.#at, epoch: null }
    return this.#outside.call(call, () => this.#outside.marker(this.#at.slot))
  }

  override deliver(epoch: number, items: T[]): Promise<void> {
    const at = { ...this.#at, epoch }
    return this.#outside.call({ name: 'deliver', ...at }, () => this.#outside.deliver(at, items))
  }
}

/** Prepares and commits in an {@link Outside}. */
export class OutsideTransactionalSink<T> extends TransactionalSink<T, string> {
  readonly #outside: Outside<T>

  constructor(outside: Outside<T>) {
    super()
    this.#outside = outside
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#outside.runtime = runtime
  }

  override async build(_stepId: string, slot: string, { execution, resumeEpoch }: SlotContext) {
    const outside = this.#outside
    await outside.call({ name: 'build', slot, execution, epoch: resumeEpoch }, () => {
      outside.fence(slot, execution)
      outside.discard(slot, resumeEpoch)
    })
    return new OutsideTransaction(outside, slot, execution)
  }
}

class OutsideTransaction<T> extends TransactionalSinkPartition<T, string> {
  readonly #outside: Outside<T>
  readonly #at: { readonly slot: string; readonly execution: number }
  #items: T[] = []

  constructor(outside: Outside<T>, slot: string, execution: number) {
    super()
    this.#outside = outside
    this.#at = { slot, execution }
  }

  override writeBatch(items: T[]): void {
    this.#items.push(...items)
  }

  override async prepare(epoch: number): Promise<string | null> {
    const items = this.#items
    if (items.length === 0) return null
    this.#items = []
    const at = { ...this.#at, epoch }
    return this.#outside.call({ name: 'prepare', ...at }, () => this.#outside.stage(at, items))
  }

  override commit(id: string): Promise<void> {
    const call = { name: 'commit', ...this.#at, epoch: Number(id.split('/')[1]) }
    return this.#outside.call(call, () => this.#outside.publish(id))
  }

  override abort(id: string): Promise<void> {
    const call = { name: 'abort', ...this.#at, epoch: Number(id.split('/')[1]) }
    return this.#outside.call(call, () => this.#outside.abort(id))
  }
}
