import type { ProcessorContext } from '../../lib/state/processor.ts'
import type { WindowMetadata } from './window-metadata.ts'
import type { WindowSink } from './window-sink.ts'

/** The outputs of a window step. */
const DOWN = 0
const LATE = 1
const META = 2

/** Items a batch, so that none is as large as all windows that close at once. */
const BATCH = 4096

/** One of the outputs: `values[i]` belongs to `keys[i]`. */
class Column {
  readonly #port: number
  readonly #context: ProcessorContext
  readonly #wanted: boolean
  #keys: string[] = []
  #values: (readonly [windowId: number, value: unknown])[] = []

  constructor(port: number, context: ProcessorContext) {
    this.#port = port
    this.#context = context
    this.#wanted = context.wanted(port)
  }

  add(key: string, windowId: number, value: unknown): void {
    if (!this.#wanted) return
    this.#keys.push(key)
    this.#values.push([windowId, value])
    if (this.#keys.length === BATCH) this.send()
  }

  send(): void {
    if (this.#keys.length === 0) return
    this.#context.emit(this.#port, this.#keys, this.#values)
    this.#keys = []
    this.#values = []
  }
}

/** Gathers what windows give out into the batches in which it travels; what nobody takes is dropped. */
export class WindowOutput<V, W> implements WindowSink<V, W> {
  readonly #down: Column
  readonly #late: Column
  readonly #meta: Column
  readonly #own: (value: V) => unknown
  readonly #role: string
  readonly #context: ProcessorContext
  lateItems = 0

  /**
   * @param own - the user's own value, for `late`
   * @param role - what the callback for a value is called
   */
  constructor(
    context: ProcessorContext,
    { own, role }: { readonly own: (value: V) => unknown; readonly role: string },
  ) {
    this.#down = new Column(DOWN, context)
    this.#late = new Column(LATE, context)
    this.#meta = new Column(META, context)
    this.#own = own
    this.#role = role
    this.#context = context
  }

  down(key: string, windowId: number, value: W): void {
    this.#down.add(key, windowId, value)
  }

  late(key: string, windowId: number, value: V): void {
    this.lateItems += 1
    this.#late.add(key, windowId, this.#own(value))
  }

  meta(key: string, windowId: number, metadata: WindowMetadata): void {
    this.#meta.add(key, windowId, metadata)
  }

  failed(key: string, value: V, error: unknown): void {
    this.send()
    this.#context.fail({ callback: this.#role, error, key, item: this.#own(value) })
  }

  send(): void {
    this.#late.send()
    this.#down.send()
    this.#meta.send()
  }
}
