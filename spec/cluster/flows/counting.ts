import { appendFileSync } from 'node:fs'
import {
  type Dataflow,
  DynamicSink,
  dataflow,
  EOF,
  FixedPartitionedSource,
  type KeyedStream,
  type Polled,
  StatefulSourcePartition,
  type StatelessSinkPartition,
} from 'tidemark'
import { DirSink } from 'tidemark/connectors/files'
import { flatMap, keyOn, mapValue, statefulMap } from 'tidemark/operators'

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

/** Running counts by key, each a line with the key, into two files. */
export const counting = (out: string, items: number, pause: number, parts = 4): Dataflow => {
  const flow = dataflow('counting')
  counted(flow, new PacedNumbers(parts, items, pause)).output(
    'lines',
    new DirSink(out, { fileCount: 2 }),
  )
  return flow
}

const counted = (flow: Dataflow, source: PacedNumbers): KeyedStream<string> =>
  flow.input('numbers', source).pipe(
    keyOn('by number', (n) => `k${n}`),
    statefulMap('count', (count: number | null, n: number) => [
      (count ?? 0) + 1,
      `k${n}\t${(count ?? 0) + 1}`,
    ]),
  )

/** Says of every batch which life of which process wrote it, and when: on a line of its own. */
class WitnessSink extends DynamicSink<unknown> {
  readonly #log: string

  constructor(log: string) {
    super()
    this.#log = log
  }

  override build(_stepId: string, worker: number): StatelessSinkPartition<unknown> {
    const log = this.#log
    const life = `${process.pid} ${Date.now()} ${worker}`
    return {
      writeBatch: () => appendFileSync(log, `${life} ${Date.now()}\n`),
      close: () => {},
    }
  }
}

/** Running counts, whose writers leave a trace in `<out>.log`. */
export const witnessed = (out: string, items: number, pause: number): Dataflow => {
  const flow = dataflow('counting')
  const lines = counted(flow, new PacedNumbers(4, items, pause))
  lines.output('lines', new DirSink(out, { fileCount: 2 }))
  lines.output('witness', new WitnessSink(`${out}.log`))
  return flow
}

/** Items around the largest message that a server takes, and far beyond; their lengths are written. */
export const oversized = (out: string, numbers = 10): Dataflow => {
  const sizes = [1_048_575, 1_048_576, 10_485_760, 17]
  const flow = dataflow('oversized')
  flow
    .input('numbers', new PacedNumbers(2, numbers, 0))
    .pipe(
      flatMap('items', (n) => sizes.map((size) => `${n % 10}`.repeat(size))),
      keyOn('by first digit', (text) => `k${text.charAt(0)}`),
      statefulMap('count', (count: number | null, text: string) => [
        (count ?? 0) + 1,
        `${(count ?? 0) + 1}\t${text.length} of ${text.charAt(text.length - 1)}`,
      ]),
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
