import { FixedPartitionedSink, type Runtime, StatefulSinkPartition } from 'tidemark'

/**
 * A sink that cuts its partitions back to the position it resumes from, as files do: what it holds
 * in the end is what was written exactly once.
 */
export class PositionSink<V> extends FixedPartitionedSink<V, number> {
  readonly parts: ReadonlyMap<string, V[]>
  readonly #names: readonly string[]
  readonly #slow: number
  #runtime: Runtime | null = null

  /** @param slow - milliseconds that each write takes */
  constructor(parts = 3, slow = 0) {
    super()
    this.#names = Array.from({ length: parts }, (_, at) => `part-${at}`)
    this.parts = new Map(this.#names.map((name) => [name, []]))
    this.#slow = slow
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#runtime = runtime
  }

  /** All that it holds, part by part. */
  get items(): V[] {
    return [...this.parts.values()].flat()
  }

  override listParts(): string[] {
    return [...this.#names]
  }

  override buildPart(_stepId: string, part: string, resume: number | null) {
    const items = this.parts.get(part) ?? []
    if ((resume ?? 0) > items.length) throw new Error(`${part} is shorter than its position`)
    items.length = resume ?? 0
    const [runtime, slow] = [this.#runtime, this.#slow]
    const pause = (): Promise<void> =>
      new Promise((resolve) => runtime?.after(runtime.random() * slow, resolve))
    return new PositionPart(items, slow > 0 ? pause : null)
  }
}

class PositionPart<V> extends StatefulSinkPartition<V, number> {
  readonly #items: V[]
  readonly #pause: (() => Promise<void>) | null

  constructor(items: V[], pause: (() => Promise<void>) | null) {
    super()
    this.#items = items
    this.#pause = pause
  }

  override writeBatch(values: V[]): void | Promise<void> {
    if (this.#pause === null) {
      this.#items.push(...values)
      return
    }
    return this.#pause().then(() => {
      this.#items.push(...values)
    })
  }

  override snapshot(): number {
    return this.#items.length
  }
}
