import {
  type Dataflow,
  dataflow,
  EOF,
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from 'tidemark'
import { DirSink } from 'tidemark/connectors/files'
import { keyOn, mapValue, statefulMap } from 'tidemark/operators'

const BATCH = 20

/** Numbers in several partitions, a batch at a time with a pause between two: time to be disturbed. */
class PacedNumbers extends FixedPartitionedSource<number, number> {
  readonly #parts: number
  readonly #items: number
  readonly #pause: number

  constructor(parts: number, items: number, pause: number) {
    super()
    this.#parts = parts
    this.#items = items
    this.#pause = pause
  }

  override listParts(): string[] {
    return Array.from({ length: this.#parts }, (_, part) => `numbers-${part}`)
  }

  override buildPart(_stepId: string, part: string, resume: number | null) {
    const seed = Number(part.slice('numbers-'.length))
    return new PacedPart(resume ?? 0, { seed, items: this.#items, pause: this.#pause })
  }
}

class PacedPart extends StatefulSourcePartition<number, number> {
  #at: number
  readonly #facts: { readonly seed: number; readonly items: number; readonly pause: number }
  #awake = 0

  constructor(at: number, facts: { seed: number; items: number; pause: number }) {
    super()
    this.#at = at
    this.#facts = facts
  }

  override nextBatch(): Polled<number> {
    const { seed, items, pause } = this.#facts
    if (this.#at >= items) return EOF
    const size = Math.min(BATCH, items - this.#at)
    const batch = Array.from({ length: size }, (_, n) => ((this.#at + n) * 7 + seed * 13) % 97)
    this.#at += size
    this.#awake = Date.now() + pause
    return batch
  }

  override nextAwake(): number {
    return this.#awake
  }

  override snapshot(): number {
    return this.#at
  }
}

/** Running counts by key, a line each, into two files. */
export const counting = (out: string, items: number, pause: number, parts = 4): Dataflow => {
  const flow = dataflow('counting')
  flow
    .input('numbers', new PacedNumbers(parts, items, pause))
    .pipe(
      keyOn('by number', (n) => `k${n}`),
      statefulMap('count', (count: number | null) => [(count ?? 0) + 1, (count ?? 0) + 1] as const),
      mapValue('line', (count) => `${count}`),
    )
    .output('lines', new DirSink(out, { fileCount: 2 }))
  return flow
}

/** Another flow under the same id. */
export const stranger = (out: string): Dataflow => {
  const flow = dataflow('counting')
  flow
    .input('numbers', new PacedNumbers(1, 10, 0))
    .pipe(
      keyOn('by number', (n) => `k${n}`),
      mapValue('line', (n) => `${n}`),
    )
    .output('lines', new DirSink(out, { fileCount: 2 }))
  return flow
}

/** Throws at one number, or blocks its thread there for so many milliseconds. */
export const troubled = (out: string, block: number): Dataflow => {
  const flow = dataflow('troubled')
  flow
    .input('numbers', new PacedNumbers(2, 200, 5))
    .pipe(
      keyOn('by number', (n) => `k${n}`),
      mapValue('line', (n) => {
        if (n !== 50) return `${n}`
        if (block === 0) throw new Error('fifty')
        const until = Date.now() + block
        while (Date.now() < until);
        return `${n}`
      }),
    )
    .output('lines', new DirSink(out, { fileCount: 2 }))
  return flow
}
