import * as zlib from 'node:zlib'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { lz4, unlz4 } from './lz4.ts'
import { snappy, unsnappy } from './snappy.ts'

/** How batches are packed; `zstd` needs Node 22.15 or later. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** A batch that unpacks to more is not read: no broker takes one near this size. */
const MOST = 256 * 1024 * 1024

/** Their numbers in a batch. */
export const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Node's own, where this Node has it. */
interface Zstd {
  readonly gzipSync: typeof zlib.gzipSync
  zstdCompressSync?(bytes: Buffer): Buffer
  zstdDecompressSync?(bytes: Buffer, options: { readonly maxOutputLength: number }): Buffer
}
const zstd: Zstd = zlib

export const hasZstd = (): boolean => zstd.zstdCompressSync !== undefined

export const compress = (bytes: Buffer, compression: Compression): Buffer => {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return zlib.gzipSync(bytes)
    case 'snappy':
      return snappy(bytes)
    case 'lz4':
      return lz4(bytes)
    case 'zstd':
      return zstd.zstdCompressSync?.(bytes) ?? noZstd()
  }
}

export const decompress = (bytes: Buffer, compression: Compression): Buffer => {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return zlib.gunzipSync(bytes, { maxOutputLength: MOST })
    case 'snappy':
      return unsnappy(bytes, MOST)
    case 'lz4':
      return unlz4(bytes, MOST)
    case 'zstd':
      return zstd.zstdDecompressSync?.(bytes, { maxOutputLength: MOST }) ?? noZstd()
  }
}

const noZstd = (): never => {
  throw new ConnectorError('zstd needs Node 22.15 or later; this one can do gzip, snappy and lz4.')
}
