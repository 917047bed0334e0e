import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { CorruptPartitionError } from '../errors/errors.ts'

/** Writes a small JSON file with a checksum in it: the old content or the new, whatever happens. */
export const writeCheckFile = async (path: string, content: object): Promise<void> => {
  const text = JSON.stringify({ ...content, check: crc32(JSON.stringify(content)) }, null, 2)
  const file = await open(`${path}.new`, 'w')
  await file.writeFile(`${text}\n`)
  await file.sync()
  await file.close()
  await rename(`${path}.new`, path)
  await syncDirectory(dirname(path))
}

/** The content of such a file; `null` where there is none. */
export const readCheckFile = async (
  path: string,
): Promise<Readonly<Record<string, unknown>> | null> => {
  const text = await readFile(path, 'utf8').catch(absent)
  if (text === null) return null
  const content = parsed(text)
  if (content !== null) {
    const { check, ...rest } = content
    if (check === crc32(JSON.stringify(rest))) return rest
  }
  throw new CorruptPartitionError(
    `${path} is damaged: its checksum is wrong. Restore the recovery directory from a backup.`,
  )
}

/** Names made in or removed from a directory last only once it is synced itself. */
export const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

const absent = (cause: unknown): null => {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
  throw cause
}

const parsed = (text: string): Readonly<Record<string, unknown>> | null => {
  try {
    const content: unknown = JSON.parse(text)
    return typeof content === 'object' && content !== null ? { ...content } : null
  } catch {
    return null
  }
}
