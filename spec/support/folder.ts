import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { EOF, type StatelessSourcePartition } from '../../lib/flow/source.ts'

/** A directory of its own for a spec. */
export class Folder {
  path = ''

  async make(): Promise<void> {
    this.path = await mkdtemp(join(tmpdir(), 'tidemark-files-'))
  }

  file(name: string): string {
    return join(this.path, name)
  }

  text(name: string): Promise<string> {
    return readFile(this.file(name), 'utf8')
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true })
  }

  /** A contract's world in a new folder. */
  async world<T>(made: () => T | Promise<T>): Promise<T & { dispose: () => Promise<void> }> {
    await this.make()
    return { ...(await made()), dispose: () => this.remove() }
  }
}

/** All that a partition gives until its end; closes it. */
export const drain = async <T>(part: StatelessSourcePartition<T>): Promise<T[]> => {
  const items: T[] = []
  try {
    for (;;) {
      const batch = await part.nextBatch()
      if (batch === EOF) return items
      items.push(...batch)
    }
  } finally {
    await part.close()
  }
}

/** The message of the connector error that `doing` fails with. */
export const messageOf = async (doing: () => unknown): Promise<string> => {
  try {
    await doing()
  } catch (failure) {
    if (failure instanceof ConnectorError) return failure.message
    throw failure
  }
  throw new Error('it did not fail')
}
