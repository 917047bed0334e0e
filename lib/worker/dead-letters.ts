import type { DeadLetter } from '../flow/policy.ts'
import type { DynamicSink, StatelessSinkPartition } from '../flow/sink.ts'

/** Writes what steps gave up on, one partition for each dead-letter sink of a worker. */
export class DeadLetters {
  readonly #worker: number
  readonly #workers: number
  readonly #open = new Map<DynamicSink<DeadLetter>, Promise<StatelessSinkPartition<DeadLetter>>>()
  readonly #waiting = new Map<DynamicSink<DeadLetter>, DeadLetter[]>()
  /** The latest write of each sink: the next one waits for it. */
  readonly #latest = new Map<DynamicSink<DeadLetter>, Promise<void>>()

  /** How many letters were taken, by the ids of their steps. */
  readonly taken: Map<string, number> = new Map()

  constructor(worker: number, workers: number) {
    this.#worker = worker
    this.#workers = workers
  }

  /** Takes a letter; the promise is given for the first of a batch and settles when all are written. */
  put(sink: DynamicSink<DeadLetter>, letter: DeadLetter): Promise<void> | null {
    this.taken.set(letter.stepId, (this.taken.get(letter.stepId) ?? 0) + 1)
    const waiting = this.#waiting.get(sink)
    if (waiting !== undefined) {
      waiting.push(letter)
      return null
    }
    this.#waiting.set(sink, [letter])
    const written = (this.#latest.get(sink) ?? Promise.resolve()).then(() => this.#write(sink))
    this.#latest.set(sink, written)
    return written
  }

  async close(): Promise<void> {
    for (const partition of this.#open.values()) await (await partition).close()
    this.#open.clear()
  }

  async #write(sink: DynamicSink<DeadLetter>): Promise<void> {
    let partition = this.#open.get(sink)
    if (partition === undefined) {
      partition = Promise.resolve(sink.build('dead-letter', this.#worker, this.#workers))
      this.#open.set(sink, partition)
    }
    const open = await partition
    const letters = this.#waiting.get(sink) ?? []
    this.#waiting.delete(sink)
    await open.writeBatch(letters)
  }
}
