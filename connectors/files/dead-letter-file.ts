import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type RowCodec, rowCodec } from '../../lib/codec/row-codec.ts'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { preview } from '../../lib/errors/preview.ts'
import { userLine } from '../../lib/errors/user-line.ts'
import type { DeadLetter } from '../../lib/flow/policy.ts'
import { InputFile } from './input-file.ts'
import { writeError } from './output-file.ts'

/**
 * What a dead-letter file holds: a JSON object a line, each a letter or a mark.
 *
 * D1. A line is written as a whole, behind all others, and nothing that stands is ever changed.
 * D2. A letter whose id a mark names has been tried again: it is no longer waiting.
 * D3. A line that is cut short, as by a crash, is no letter; the next one begins on a line of its own.
 */

/** A letter as it lies in a file. */
export interface KeptLetter {
  /** Of this letter in this file. */
  readonly id: string
  /** Wall-clock time of the failure, ISO 8601. */
  readonly time: string
  /** The step that failed, the flow's name first. */
  readonly step: string
  readonly callback: string
  readonly key?: string
  readonly source?: string
  readonly part?: string
  readonly input?: number
  readonly worker: number
  readonly epoch: number
  readonly error: { readonly name: string; readonly message: string; readonly at?: string }
  /** A short picture of the item, without what looks like a secret. */
  readonly preview: string
  /** The item as a snapshot would keep it, base64. */
  readonly item?: string
  /** Why there is no item. */
  readonly lost?: string
}

/** What is in a dead-letter file. */
export interface LettersFound {
  readonly letters: readonly (KeptLetter & { readonly retried: boolean })[]
  /** The numbers of lines that are neither letter nor mark, counted from 1. */
  readonly damaged: readonly number[]
}

const MOST_MESSAGE = 2000
const LONGEST_LINE: number = 512 * 1024 * 1024
const NEWLINE = 10
const codec: RowCodec<unknown> = rowCodec()

/** A letter as a line, without its end. */
export const letterLine = (letter: DeadLetter, maxItemBytes: number): string => {
  const { stepId, callback, key, source, part, input, worker, epoch, time, error, item } = letter
  const facts = {
    time: new Date(time).toISOString(),
    step: stepId,
    callback,
    ...(key === undefined ? {} : { key }),
    ...(source === undefined ? {} : { source }),
    ...(part === undefined ? {} : { part }),
    ...(input === undefined ? {} : { input }),
    worker,
    epoch,
    error: errorFacts(error),
    preview: preview(item),
    ...itemFacts(item, maxItemBytes),
  }
  const id = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16)
  return JSON.stringify({ id, ...facts })
}

/** A mark as a line: these letters have been tried again. */
const markLine = (ids: readonly string[], time: number): string =>
  JSON.stringify({ retried: ids, time: new Date(time).toISOString() })

/** The item of a letter, as it was; throws a RecoveryError where its bytes are damaged. */
export const itemOf = ({ item }: KeptLetter): unknown =>
  codec.decode(Buffer.from(item ?? '', 'base64'))

const errorFacts = (error: unknown): KeptLetter['error'] => {
  if (!(error instanceof Error)) return { name: 'thrown', message: preview(error) }
  const at = userLine(error)
  return {
    name: error.name,
    message: error.message.slice(0, MOST_MESSAGE),
    ...(at === undefined ? {} : { at }),
  }
}

const itemFacts = (
  item: unknown,
  maxItemBytes: number,
): { readonly item: string } | { readonly lost: string } => {
  try {
    const bytes = codec.encode(item)
    if (bytes.length <= maxItemBytes) return { item: Buffer.from(bytes).toString('base64') }
    return { lost: `it takes ${bytes.length} bytes, and ${maxItemBytes} are kept` }
  } catch (error) {
    return { lost: error instanceof Error ? error.message.slice(0, MOST_MESSAGE) : String(error) }
  }
}

/** Adds lines behind a file's last; they are on disk when this resolves. */
export const appendLines = async (path: string, lines: readonly string[]): Promise<void> => {
  if (lines.length === 0) return
  try {
    const { handle, made } = await openToAppend(path)
    try {
      const torn = await isTorn(handle)
      await handle.appendFile(`${torn ? '\n' : ''}${lines.join('\n')}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (made) await syncDirectory(path)
  } catch (cause) {
    throw cause instanceof ConnectorError ? cause : writeError(path, cause)
  }
}

/** Says in the file that these letters have been tried again. */
export const markRetried = (path: string, ids: readonly string[]): Promise<void> =>
  appendLines(path, ids.length === 0 ? [] : [markLine(ids, Date.now())])

/** What is kept may be confidential, so only its owner may read it. */
const OWNER_ONLY = 0o600

const openToAppend = async (path: string): Promise<{ handle: FileHandle; made: boolean }> => {
  try {
    return { handle: await open(path, 'ax+', OWNER_ONLY), made: true }
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
    return { handle: await open(path, 'a+'), made: false }
  }
}

const isTorn = async (handle: FileHandle): Promise<boolean> => {
  const facts = await handle.stat()
  if (!facts.isFile() || facts.size === 0) return false
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, facts.size - 1)
  return buffer[0] !== NEWLINE
}

const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(dirname(path), 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Reads a dead-letter file, without the items unless they are asked for.
 *
 * @throws ConnectorError where it can't be read
 */
export const readLetters = async (
  path: string,
  { items = false }: { readonly items?: boolean } = {},
): Promise<LettersFound> => {
  const letters: KeptLetter[] = []
  const retried = new Set<string>()
  const damaged: number[] = []
  let number = 0
  await eachLine(path, (line) => {
    number += 1
    const found = line === null ? null : parseLine(line)
    if (found === null) damaged.push(number)
    else if ('retried' in found) for (const id of found.retried) retried.add(id)
    else letters.push(items || found.item === undefined ? found : { ...found, item: '' })
  })
  return {
    letters: letters.map((letter) => ({ ...letter, retried: retried.has(letter.id) })),
    damaged,
  }
}

/** Calls `take` with each line that is not empty; `null` for one that is too long to be read. */
const eachLine = async (path: string, take: (line: string | null) => void): Promise<void> => {
  const file = await InputFile.open(path, 0)
  let pieces: Buffer[] = []
  let length = 0
  const finish = (): void => {
    if (length > LONGEST_LINE) take(null)
    else if (length > 0) take(Buffer.concat(pieces).toString('utf8'))
    pieces = []
    length = 0
  }
  const add = (piece: Uint8Array): void => {
    length += piece.length
    if (length > LONGEST_LINE) pieces = []
    else if (piece.length > 0) pieces.push(Buffer.from(piece))
  }
  try {
    for (;;) {
      const chunk = await file.read()
      if (chunk.length === 0) break
      let from = 0
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        add(chunk.subarray(from, at))
        finish()
        from = at + 1
      }
      add(chunk.subarray(from))
    }
    finish()
  } finally {
    await file.close()
  }
}

type Mark = { readonly retried: readonly string[] }

const parseLine = (line: string): KeptLetter | Mark | null => {
  let found: unknown
  try {
    found = JSON.parse(line)
  } catch {
    return null
  }
  if (!isObject(found)) return null
  const { retried } = found
  if (Array.isArray(retried) && retried.every((id) => typeof id === 'string')) return { retried }
  return letterOf(found)
}

/** Only what is known of a letter is taken over, each of its own kind. */
const letterOf = (found: Readonly<Record<string, unknown>>): KeptLetter | null => {
  const text = (name: string): string | null =>
    typeof found[name] === 'string' ? (found[name] as string) : null
  const count = (name: string): number | null =>
    Number.isSafeInteger(found[name]) ? (found[name] as number) : null
  const [id, time, step, callback] = [text('id'), text('time'), text('step'), text('callback')]
  const [worker, epoch, shown] = [count('worker'), count('epoch'), text('preview')]
  const error = found['error']
  if (id === null || time === null || step === null || callback === null) return null
  if (worker === null || epoch === null || shown === null || !isObject(error)) return null
  const { name, message, at } = error
  return {
    id,
    time,
    step,
    callback,
    ...some('key', text('key')),
    ...some('source', text('source')),
    ...some('part', text('part')),
    ...some('input', count('input')),
    worker,
    epoch,
    error: {
      name: String(name),
      message: String(message),
      ...some('at', typeof at === 'string' ? at : null),
    },
    preview: shown,
    ...some('item', text('item')),
    ...some('lost', text('lost')),
  }
}

const some = <N extends string, V>(name: N, value: V | null): { readonly [K in N]?: V } =>
  value === null ? {} : ({ [name]: value } as { readonly [K in N]: V })

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
