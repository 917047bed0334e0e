import {
  EOF,
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../lib/flow/source.ts'

/** Partitions that are given as arrays; a position is a number of items. */
export class ItemsSource extends FixedPartitionedSource<unknown, number> {
  readonly #parts: ReadonlyMap<string, readonly unknown[]>
  readonly #batchSize: number

  constructor(parts: readonly (readonly unknown[])[], batchSize: number) {
    super()
    this.#parts = new Map(parts.map((items, at) => [`part-${at}`, items]))
    this.#batchSize = batchSize
  }

  override listParts(): string[] {
    return [...this.#parts.keys()]
  }

  override buildPart(_stepId: string, part: string, resume: number | null): ItemsPart {
    return new ItemsPart(this.#parts.get(part) ?? [], resume ?? 0, this.#batchSize)
  }
}

class ItemsPart extends StatefulSourcePartition<unknown, number> {
  readonly #items: readonly unknown[]
  readonly #batchSize: number
  #at: number

  constructor(items: readonly unknown[], at: number, batchSize: number) {
    super()
    this.#items = items
    this.#at = at
    this.#batchSize = batchSize
  }

  override nextBatch(): Polled<unknown> {
    if (this.#at >= this.#items.length) return EOF
    const batch = this.#items.slice(this.#at, this.#at + this.#batchSize)
    this.#at += batch.length
    return batch
  }

  override snapshot(): number {
    return this.#at
  }
}
