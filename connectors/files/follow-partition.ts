import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { LineBuffer } from '../line-buffer.ts'
import { type FileHead, HeadWatch } from './head-watch.ts'
import { InputFile } from './input-file.ts'

/** Where a followed file was left: which file it was, and how far into it. */
export interface FollowPosition {
  /** Device and inode, so a rotated file is known under its new name. */
  readonly file: string
  readonly offset: number
  /** What its first bytes were, and how many of them were looked at. */
  readonly head?: FileHead
}

export interface FollowOptions {
  readonly batchSize: number
  readonly maxLineBytes: number
  /** Milliseconds between two looks at a file that has not grown. */
  readonly every: number
  readonly runtime: Runtime
}

/**
 * The lines of a file that grows, without an end.
 *
 * F1: a line is handed over once its newline is there. F2: a file that another one has taken the
 * place of is read to its end first, its last line included. F3: a file that shrank is read anew, and
 * so is one that begins otherwise than before: it was emptied, and has grown past what was read.
 */
export class FollowPartition extends StatefulSourcePartition<string, FollowPosition> {
  readonly #path: string
  readonly #options: FollowOptions
  #file: InputFile
  #name: string
  #start: number
  #lines: LineBuffer
  #head: HeadWatch
  #awake: number | null = null

  private constructor(
    path: string,
    options: FollowOptions,
    opened: { file: InputFile; name: string; head: HeadWatch },
  ) {
    super()
    this.#path = path
    this.#options = options
    this.#file = opened.file
    this.#name = opened.name
    this.#start = opened.file.offset
    this.#lines = this.#newLines()
    this.#head = opened.head
  }

  static async open(
    path: string,
    resume: FollowPosition | null,
    options: FollowOptions,
  ): Promise<FollowPartition> {
    const file =
      resume === null
        ? await InputFile.open(path, 0)
        : await InputFile.open(await findFile(path, resume.file), resume.offset)
    try {
      const head = await HeadWatch.resume(file, resume?.head ?? null)
      return new FollowPartition(path, options, { file, name: nameOf(await file.stat()), head })
    } catch (error) {
      await file.close()
      throw error
    }
  }

  override nextBatch(): Polled<string> | Promise<Polled<string>> {
    const held = this.#lines.take(this.#options.batchSize)
    return held.length > 0 ? held : this.#read()
  }

  async #read(): Promise<Polled<string>> {
    this.#awake = null
    for (;;) {
      const chunk = await this.#file.read()
      if (chunk.length === 0) return this.#atEnd()
      // Looked at behind the read: what was read before the file was emptied is not taken for it.
      if (!(await this.#head.holds(this.#file, chunk))) return this.#anew()
      this.#lines.push(chunk)
      const lines = this.#lines.take(this.#options.batchSize)
      if (lines.length > 0) return lines
    }
  }

  async #atEnd(): Promise<string[]> {
    const facts = await this.#file.stat()
    if (facts.size < this.#file.offset) return this.#anew()
    const successor = await stat(this.#path).catch(() => null)
    if (successor !== null && nameOf(successor) !== this.#name) return this.#rotate(facts.size)
    this.#awake = this.#options.runtime.now() + this.#options.every
    return []
  }

  #anew(): string[] {
    this.#file.seek(0)
    this.#restart()
    return []
  }

  /** F2: only when nothing was added since the end was met is the old file left. */
  async #rotate(size: number): Promise<string[]> {
    if (size > this.#file.offset) return []
    const last = this.#lines.rest()
    if (last !== null) return [last]
    const next = await InputFile.open(this.#path, 0)
    await this.#file.close()
    this.#file = next
    this.#name = nameOf(await next.stat())
    this.#restart()
    return []
  }

  #restart(): void {
    this.#start = 0
    this.#lines = this.#newLines()
    this.#head = new HeadWatch()
  }

  #newLines(): LineBuffer {
    return new LineBuffer(`"${this.#path}"`, this.#options.maxLineBytes)
  }

  override nextAwake(): number | null {
    return this.#awake
  }

  override snapshot(): FollowPosition {
    const head = this.#head.seen
    return { file: this.#name, offset: this.#start + this.#lines.taken, head }
  }

  override close(): Promise<void> {
    return this.#file.close()
  }
}

const nameOf = (facts: { readonly dev: number; readonly ino: number }): string =>
  `${facts.dev}:${facts.ino}`

/** The path under which a file is found now: its own, or one beside it after a rotation. */
const findFile = async (path: string, name: string): Promise<string> => {
  const directory = dirname(path)
  const entries = await readdir(directory).catch(() => [])
  for (const candidate of [path, ...entries.map((entry) => join(directory, entry))]) {
    const facts = await stat(candidate).catch(() => null)
    if (facts !== null && nameOf(facts) === name) return candidate
  }
  throw new ConnectorError(
    `The file that was followed at "${path}" is gone: it was rotated away while the flow was down, and what it held behind the position can't be read. Put it back into "${directory}" under any name, or start without this recovery store.`,
  )
}
