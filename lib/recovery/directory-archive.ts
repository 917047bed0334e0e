import { link, open, readdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { CorruptPartitionError } from '../errors/errors.ts'
import { secretBytes } from '../runtime/secret.ts'
import { type Archive, type ArchivePlace, checkObjectName } from './archive.ts'
import { syncDirectory } from './check-file.ts'
import { makeDirectory } from './make-directory.ts'

/**
 * An archive in a directory, as on a file system that other hosts mount: a file for each object.
 *
 * @param path - made if it is missing; of one flow alone
 *
 * @example
 * ```ts
 * await run(flow, { recovery: { dir: './state', archive: dirArchive('/mnt/far/orders') } })
 * ```
 */
export const dirArchive = (path: string): ArchivePlace => {
  const root = resolve(path)
  return {
    name: `dir:${root}`,
    open: async () => {
      await makeDirectory(root)
      return new DirectoryArchive(root)
    },
    remote: { module: import.meta.url, export: 'dirArchive', args: [root] },
  }
}

const NEW = /\.new-[0-9a-z-]+$/

class DirectoryArchive implements Archive {
  readonly #root: string
  readonly #made = new Set<string>()

  constructor(root: string) {
    this.#root = root
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    const path = this.#path(name)
    await this.#makeDirectory(dirname(path))
    // Of chance: several hosts may write here, and each is killed at any moment.
    const draft = `${path}.new-${Buffer.from(secretBytes(8)).toString('hex')}`
    const file = await open(draft, 'w')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    try {
      // A link is made only where nothing of its name is, whatever others do at the same time.
      await link(draft, path)
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST') return false
      throw cause
    } finally {
      await rm(draft, { force: true })
    }
    await syncDirectory(dirname(path))
    return true
  }

  async read(name: string, limit: number): Promise<Uint8Array | null> {
    const path = this.#path(name)
    const file = await open(path, 'r').catch(absent)
    if (file === null) return null
    try {
      const { size } = await file.stat()
      if (size > limit) {
        throw new CorruptPartitionError(
          `The archived object ${path} is damaged: it has ${size} bytes, and none has more than ${limit}.`,
        )
      }
      return await file.readFile()
    } finally {
      await file.close()
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names = await readdir(this.#root, { recursive: true, withFileTypes: true })
    return names
      .filter((entry) => entry.isFile() && !NEW.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(this.#root.length + 1))
      .map((name) => name.split('\\').join('/'))
      .filter((name) => name.startsWith(prefix))
      .sort()
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true })
  }

  async close(): Promise<void> {}

  async #makeDirectory(directory: string): Promise<void> {
    if (this.#made.has(directory)) return
    await makeDirectory(directory)
    this.#made.add(directory)
  }

  #path(name: string): string {
    checkObjectName(name)
    return join(this.#root, name)
  }
}

const absent = (cause: unknown): null => {
  if (codeOf(cause) === 'ENOENT') return null
  throw cause
}

const codeOf = (cause: unknown): unknown =>
  cause instanceof Error && 'code' in cause ? cause.code : null
