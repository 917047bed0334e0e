import { BuildError } from '../../lib/errors/errors.ts'
import type { DeadLetter } from '../../lib/flow/policy.ts'
import { DynamicSink, StatelessSinkPartition } from '../../lib/flow/sink.ts'
import { appendLines, letterLine } from './dead-letter-file.ts'

export interface FileDeadLetterOptions {
  /**
   * Bytes of an item, encoded, that are kept; of a longer one only the preview is.
   * @defaultValue 16 MiB
   */
  readonly maxItemBytes?: number
}

const SIXTEEN_MIB: number = 16 * 1024 * 1024
/** Base64 of it must still be a string. */
const MOST_ITEM_BYTES: number = 256 * 1024 * 1024

/**
 * Keeps failed items in a file, a JSON object a line, each whole enough to be tried again.
 *
 * The epoch does not pass before its letters are on disk; keeps no state. At least once: after a crash
 * what is replayed may fail again and is kept again. Workers and processes of one host may share a file;
 * hosts need one each. `tidemark dlq list` shows it, `tidemark dlq retry` gives the items back.
 *
 * @param path - the file, made with the first letter and never cut
 * @param options - how much of an item is kept
 * @throws BuildError for a path or an option that makes no sense; ConnectorError where the file can't be written
 *
 * @example
 * ```ts
 * orders.pipe(withPolicy({ deadLetter: new FileDeadLetter('failed.jsonl') }, map('parse', JSON.parse)))
 * ```
 */
export class FileDeadLetter extends DynamicSink<DeadLetter> {
  readonly #path: string
  readonly #maxItemBytes: number

  constructor(path: string, { maxItemBytes = SIXTEEN_MIB }: FileDeadLetterOptions = {}) {
    super()
    if (typeof path !== 'string' || path === '') {
      throw new BuildError('FileDeadLetter needs the path of a file.')
    }
    if (!Number.isSafeInteger(maxItemBytes) || maxItemBytes < 0 || maxItemBytes > MOST_ITEM_BYTES) {
      throw new BuildError(
        `FileDeadLetter: maxItemBytes must be a whole number from 0 to ${MOST_ITEM_BYTES}; got ${maxItemBytes}.`,
      )
    }
    this.#path = path
    this.#maxItemBytes = maxItemBytes
  }

  override build(): StatelessSinkPartition<DeadLetter> {
    return new LetterWriter(this.#path, this.#maxItemBytes)
  }
}

class LetterWriter extends StatelessSinkPartition<DeadLetter> {
  readonly #path: string
  readonly #maxItemBytes: number

  constructor(path: string, maxItemBytes: number) {
    super()
    this.#path = path
    this.#maxItemBytes = maxItemBytes
  }

  override writeBatch(letters: DeadLetter[]): Promise<void> {
    return appendLines(
      this.#path,
      letters.map((letter) => letterLine(letter, this.#maxItemBytes)),
    )
  }
}
