import {
  EOF,
  FixedPartitionedSource,
  type Polled,
  type Runtime,
  StatefulSourcePartition,
} from 'tidemark'

export interface PartsSourceOptions {
  /** Items a batch. */
  readonly batchSize?: number
  /** Milliseconds that some of the answers take. */
  readonly slow?: number
}

/** A source of several partitions that are given as arrays; its positions are numbers of items. */
export class PartsSource<T> extends FixedPartitionedSource<T, number> {
  readonly #parts: ReadonlyMap<string, readonly T[]>
  readonly #options: PartsSourceOptions
  #runtime: Runtime | null = null
  /** Items handed over, over all partitions. */
  polled = 0

  constructor(parts: readonly (readonly T[])[], options: PartsSourceOptions = {}) {
    super()
    this.#parts = new Map(parts.map((items, at) => [`part-${at}`, items]))
    this.#options = options
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [...this.#parts.keys()]
  }

  override buildPart(_stepId: string, part: string, resume: number | null) {
    const { batchSize = 3, slow = 0 } = this.#options
    const runtime = this.#runtime
    const pause = (): Promise<void> =>
      new Promise((resolve) => runtime?.after(runtime.random() * slow, resolve))
    return new Part(this.#parts.get(part) ?? [], {
      at: resume ?? 0,
      batchSize,
      pause: slow > 0 ? pause : null,
      count: (items) => {
        this.polled += items
      },
    })
  }
}

interface PartFacts {
  at: number
  readonly batchSize: number
  readonly pause: (() => Promise<void>) | null
  readonly count: (items: number) => void
}

class Part<T> extends StatefulSourcePartition<T, number> {
  readonly #items: readonly T[]
  readonly #facts: PartFacts
  #polls = 0

  constructor(items: readonly T[], facts: PartFacts) {
    super()
    this.#items = items
    this.#facts = facts
  }

  override nextBatch(): Polled<T> | Promise<Polled<T>> {
    const { pause } = this.#facts
    this.#polls += 1
    if (this.#polls % 5 === 0) return []
    if (pause === null || this.#polls % 3 !== 0) return this.#take()
    return pause().then(() => this.#take())
  }

  #take(): Polled<T> {
    const { at, batchSize, count } = this.#facts
    if (at >= this.#items.length) return EOF
    const batch = this.#items.slice(at, at + batchSize)
    this.#facts.at += batch.length
    count(batch.length)
    return batch
  }

  override snapshot(): number {
    return this.#facts.at
  }
}
