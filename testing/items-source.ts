import {
  EOF,
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../lib/flow/source.ts'
import type { Runtime } from '../lib/runtime/runtime.ts'

/** How arrays are read. */
interface Reading {
  readonly batchSize: number
  /** The longest that a batch may take to come: milliseconds. With 0 all of them are there at once. */
  readonly pause: number
}

/** Partitions that are given as arrays; a position is a number of items. */
export class ItemsSource extends FixedPartitionedSource<unknown, number> {
  readonly #parts: ReadonlyMap<string, readonly unknown[]>
  readonly #reading: Reading
  #runtime: Runtime | null = null

  constructor(parts: readonly (readonly unknown[])[], reading: Reading) {
    super()
    this.#parts = new Map(parts.map((items, at) => [`part-${at}`, items]))
    this.#reading = reading
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [...this.#parts.keys()]
  }

  override buildPart(_stepId: string, part: string, resume: number | null): ItemsPart {
    const { batchSize, pause } = this.#reading
    const runtime = pause > 0 ? this.#runtime : null
    return new ItemsPart(this.#parts.get(part) ?? [], resume ?? 0, { batchSize, pause, runtime })
  }
}

class ItemsPart extends StatefulSourcePartition<unknown, number> {
  readonly #items: readonly unknown[]
  readonly #reading: Reading & { readonly runtime: Runtime | null }
  #at: number

  constructor(
    items: readonly unknown[],
    at: number,
    reading: Reading & { readonly runtime: Runtime | null },
  ) {
    super()
    this.#items = items
    this.#at = at
    this.#reading = reading
  }

  override nextBatch(): Polled<unknown> | Promise<Polled<unknown>> {
    if (this.#at >= this.#items.length) return EOF
    const { runtime, pause } = this.#reading
    if (runtime === null) return this.#take()
    return new Promise<void>((resolve) => {
      runtime.after(runtime.random() * pause, resolve)
    }).then(() => this.#take())
  }

  override snapshot(): number {
    return this.#at
  }

  #take(): Polled<unknown> {
    const batch = this.#items.slice(this.#at, this.#at + this.#reading.batchSize)
    this.#at += batch.length
    return batch
  }
}
