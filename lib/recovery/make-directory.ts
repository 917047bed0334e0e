import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a directory and those above it, as `mkdir -p` does.
 *
 * Node's recursive `mkdir` never ends on a file system that lets nobody make a directory and says "no such
 * entry" of it, as `/proc` does; here that is the error it is.
 */
export const makeDirectory = async (path: string): Promise<void> => {
  try {
    await mkdir(path)
  } catch (error) {
    if (await isDirectory(path)) return
    const parent = dirname(path)
    if (!isMissing(error) || parent === path) throw error
    await makeDirectory(parent)
    await mkdir(path).catch(async (again: unknown) => {
      if (!(await isDirectory(path))) throw again
    })
  }
}

const isDirectory = async (path: string): Promise<boolean> => {
  const facts = await stat(path).catch(() => null)
  return facts?.isDirectory() ?? false
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'
