import { open } from 'node:fs/promises'

/** Puts a directory's names on disk: a file that was made or renamed is there after a power cut only then. */
export const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
