import { RecoveryError } from '../errors/errors.ts'
import { type BlockKey, type StoredBlock, storedChecksum } from './block-key.ts'
import { damaged, seal, unseal } from './record.ts'
import type { ExecutionRecord } from './store.ts'
import type { Table } from './table.ts'
import type { Mark } from './witness.ts'

/** The format of everything in a store; a newer release that changes it counts it up. */
export const STORE_FORMAT = 1

/** What makes a partition the one it is, written when it is made. */
export interface Identity {
  readonly store: string
  readonly index: number
  readonly count: number
}

/** A partition's view of itself, written anew in each batch. */
export interface Manifest extends Identity {
  readonly format: number
  readonly flowId: string | null
  readonly executions: readonly ExecutionRecord[]
  readonly frontier: { readonly execution: number; readonly epoch: number } | null
  readonly collected: number
  /** The number of the next block. */
  readonly sequence: number
  /** How many blocks there are, and the sum of their checksums: a block that is lost is missed. */
  readonly blocks: number
  readonly sum: number
  /** Restored from an archive that may not have had all that was committed; until it goes on. */
  readonly uncertain?: boolean
}

const KEY = Buffer.from('m')

export const newManifest = (identity: Identity): Manifest => ({
  format: STORE_FORMAT,
  store: identity.store,
  index: identity.index,
  count: identity.count,
  flowId: null,
  executions: [],
  frontier: null,
  collected: 0,
  sequence: 0,
  blocks: 0,
  sum: 0,
})

export const manifestChange = (manifest: Manifest): { key: Uint8Array; value: Uint8Array } => ({
  key: KEY,
  value: seal(KEY, manifest),
})

/** The manifest of a partition, checked against what its directory says it is. */
export const readManifest = async (
  table: Table,
  identity: Identity,
  place: string,
): Promise<Manifest> => {
  const record = await table.get(KEY)
  if (record === null) throw damaged(place, 'its manifest is gone')
  const manifest = unseal(KEY, record, place) as Manifest
  if (manifest.format > STORE_FORMAT) throw newerFormat(place, manifest.format)
  if (
    manifest.store !== identity.store ||
    manifest.index !== identity.index ||
    manifest.count !== identity.count
  ) {
    throw damaged(
      place,
      `its database is partition ${manifest.index} of ${manifest.count} of store ${manifest.store}, ` +
        `its identity file says ${identity.index} of ${identity.count} of ${identity.store}`,
    )
  }
  return manifest
}

export const newerFormat = (place: string, format: unknown): RecoveryError =>
  new RecoveryError(
    `The recovery partition ${place} has format ${String(format)}, this release reads ${STORE_FORMAT}: ` +
      'it was written by a newer release. Run that one, or use another recovery directory.',
  )

/** The manifest behind a batch that adds blocks. */
export const withBlocks = (manifest: Manifest, added: readonly StoredBlock[]): Manifest => ({
  ...manifest,
  sequence: manifest.sequence + added.length,
  blocks: manifest.blocks + added.length,
  sum: added.reduce((total, { key }) => total + storedChecksum(key), manifest.sum),
})

/** The manifest behind a batch that removes blocks. */
export const without = (manifest: Manifest, dropped: readonly BlockKey[]): Manifest => ({
  ...manifest,
  blocks: manifest.blocks - dropped.length,
  sum: dropped.reduce((total, key) => total - storedChecksum(key), manifest.sum),
})

/** Fails for a partition that knows less than was seen of it: it has lost the end of its log. */
export const checkMark = (manifest: Manifest, seen: Mark | null, place: string): void => {
  if (seen === null) return
  const { frontier } = manifest
  const reached =
    frontier !== null &&
    (frontier.execution > seen.execution ||
      (frontier.execution === seen.execution && frontier.epoch >= seen.epoch))
  if (reached) return
  throw damaged(
    place,
    `execution ${seen.execution} had committed everything before epoch ${seen.epoch}, and its database ` +
      (frontier === null
        ? 'knows of no execution'
        : `ends before epoch ${frontier.epoch} of execution ${frontier.execution}`),
  )
}
