import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readCheckFile, writeCheckFile } from '../lib/recovery/check-file.ts'
import { type LastExecution, lastOf, readLast } from './control.ts'

/** What one life of a process leaves to the next. */
export interface Left {
  /** The run that it was in and has not seen end; `null` for none. */
  readonly run: string | null
  /** The last execution that it took part in. */
  readonly last: LastExecution | null
}

const NOTHING: Left = { run: null, last: null }

/** A note in the recovery directory of a process, which tells its next life where this one was. */
export class RunNote {
  readonly #directory: string
  readonly #file: string

  constructor(directory: string, process: number) {
    this.#directory = directory
    this.#file = join(directory, `process-${process}`)
  }

  /** Whoever left none that can be read is as new: it waits for all others. */
  async read(): Promise<Left> {
    const content = await readCheckFile(this.#file).catch(() => null)
    if (content === null) return NOTHING
    const { run, last } = content
    return { run: typeof run === 'string' && RUN.test(run) ? run : null, last: readLast(last) }
  }

  async write({ run, last }: Left): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    await writeCheckFile(this.#file, { run, last: last === null ? null : lastOf(last) })
  }
}

const RUN = /^[0-9a-f]{16}$/
