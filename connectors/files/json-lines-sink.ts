/**
 * Writes the values of a keyed stream to one file as JSON, a line each.
 *
 * - **Partitions**, **position**, **delivery**, **back-pressure**: as of FileSink.
 * - **Needs**: nothing beyond Node.
 */
import { ConnectorError } from '../../lib/errors/errors.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSink, StatefulSinkPartition } from '../../lib/flow/sink.ts'
import { OutputFile } from './output-file.ts'

/**
 * Writes values as lines of JSON; the file behaves as {@link FileSink}'s does.
 *
 * @param path - the file
 * @param options - `overwrite` replaces a file in which the recovery store knows no position
 * @throws ConnectorError when there is no JSON for a value, or as of {@link FileSink}
 *
 * @example
 * ```ts
 * totals.output('out', new JsonLinesSink('totals.jsonl'))
 * ```
 */
export class JsonLinesSink<V = unknown> extends FixedPartitionedSink<V, number> {
  readonly #path: string
  readonly #overwrite: boolean
  #recovery = false

  constructor(path: string, { overwrite = false }: { readonly overwrite?: boolean } = {}) {
    super()
    this.#path = path
    this.#overwrite = overwrite
  }

  override useRun({ recovery }: RunFacts): void {
    this.#recovery = recovery
  }

  override listParts(): string[] {
    return [this.#path]
  }

  override partFor(_key?: string): number {
    return 0
  }

  override async buildPart(
    _stepId: string,
    _part: string,
    resume: number | null,
  ): Promise<JsonOutput<V>> {
    const options = { end: '\n', recovery: this.#recovery, overwrite: this.#overwrite }
    return new JsonOutput(this.#path, await OutputFile.open(this.#path, resume, options))
  }
}

class JsonOutput<V> extends StatefulSinkPartition<V, number> {
  readonly #path: string
  readonly #file: OutputFile

  constructor(path: string, file: OutputFile) {
    super()
    this.#path = path
    this.#file = file
  }

  override writeBatch(values: V[]): Promise<void> {
    return this.#file.writeBatch(values.map((value) => this.#text(value)))
  }

  #text(value: V): string {
    try {
      const text: string | undefined = JSON.stringify(value)
      if (text !== undefined) return text
    } catch (cause) {
      throw this.#noJson(value, cause)
    }
    throw this.#noJson(value)
  }

  #noJson(value: V, cause?: unknown): ConnectorError {
    return new ConnectorError(
      `There is no JSON for a ${typeof value} to write to "${this.#path}".`,
      {
        cause,
      },
    )
  }

  override flush(): Promise<void> {
    return this.#file.flush()
  }

  override snapshot(): number {
    return this.#file.snapshot()
  }

  override close(): Promise<void> {
    return this.#file.close()
  }

  override abandon(): Promise<void> {
    return this.#file.abandon()
  }
}
