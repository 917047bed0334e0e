import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import type { SlotContext } from '../../lib/flow/sink.ts'
import { StagedFile, type StagedFormat } from './staged-file.ts'

/** Files that are not published yet; hidden, so that no glob of a reader finds them. */
const STAGING = '.staged'

/** A directory in which a file for each slot and epoch appears when its epoch is committed. */
export class PublishedDirectory {
  readonly #dir: string
  readonly #options: { readonly extension: string; readonly replaces: boolean }

  constructor(dir: string, options: { readonly extension: string; readonly replaces: boolean }) {
    this.#dir = dir
    this.#options = options
  }

  /** Takes a slot over: what older executions left and nothing will publish goes. */
  async open<T>(
    slot: string,
    { resumeEpoch, execution }: SlotContext,
    format: () => StagedFormat<T>,
  ): Promise<StagedFile<T>> {
    const staging = join(this.#dir, STAGING)
    await mkdir(staging, { recursive: true })
    await this.#discard(staging, slot, resumeEpoch)
    await this.#checkPublished(slot, resumeEpoch)
    const { extension } = this.#options
    return new StagedFile({
      dir: this.#dir,
      staging,
      prefix: prefixOf(slot),
      extension,
      execution,
      format,
    })
  }

  /** What older executions wrote and nothing will publish. */
  async #discard(staging: string, slot: string, resumeEpoch: number): Promise<void> {
    for (const name of await readdir(staging)) {
      if (!name.startsWith(prefixOf(slot))) continue
      const epoch = epochOf(name, slot)
      if (epoch === null || epoch >= resumeEpoch) await rm(join(staging, name), { force: true })
    }
  }

  async #checkPublished(slot: string, resumeEpoch: number): Promise<void> {
    const { extension, replaces } = this.#options
    for (const name of await readdir(this.#dir)) {
      if (!name.startsWith(prefixOf(slot)) || !name.endsWith(extension)) continue
      const epoch = epochOf(name.slice(0, name.length - extension.length), slot)
      if (epoch === null || epoch < resumeEpoch) continue
      if (!replaces) throw unknown(join(this.#dir, name), resumeEpoch)
      await rm(join(this.#dir, name), { force: true })
    }
  }
}

export const checkExtension = (extension: string): void => {
  if (extension.includes('/') || extension.includes('\\')) {
    throw new BuildError(`extension must not lead to another directory; got "${extension}".`)
  }
}

const prefixOf = (slot: string): string => `part-${slot.padStart(2, '0')}-`

/** The epoch behind the slot in a name, whatever follows it; `null` where there is none. */
const epochOf = (name: string, slot: string): number | null => {
  const found = /^(\d{10,16})(?:\.\d+)?$/.exec(name.slice(prefixOf(slot).length))
  return found === null ? null : Number(found[1])
}

const unknown = (path: string, resumeEpoch: number): ConnectorError =>
  new ConnectorError(
    `"${path}" is published, but the flow goes on at epoch ${resumeEpoch}, so it can't be its own: its recovery store was replaced or put back. Move the files away, or replace them with overwrite: true.`,
  )
