import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'

/** What every source of files can be told. */
export interface ReadOptions {
  /** Lines or rows a batch at most. @defaultValue 1000 */
  readonly batchSize?: number
  /** Bytes of a line or row at most; a longer one is a `ConnectorError`. @defaultValue 16 MiB */
  readonly maxLineBytes?: number
  /**
   * Whether files are unpacked as gzip; positions then count unpacked bytes.
   * @defaultValue true for names that end with `.gz`
   */
  readonly gzip?: boolean
  /**
   * Names the file system, when workers on several hosts find different files under one path.
   * Partitions of equal name are read once. @defaultValue none: one path, one file
   */
  readonly fsId?: string
}

/** The name of a file's partition. */
export const partNameOf = (path: string, fsId: string | undefined): string =>
  fsId === undefined ? path : `${fsId}::${path}`

/** The path that a partition's name tells. */
export const pathOf = (part: string, fsId: string | undefined): string => {
  if (fsId === undefined) return part
  if (!part.startsWith(`${fsId}::`)) {
    throw new ConnectorError(
      `Partition "${part}" is not on file system "${fsId}". Give each host's workers their own fsId.`,
    )
  }
  return part.slice(fsId.length + 2)
}

export const checkFsId = (fsId: string | undefined): void => {
  if (fsId?.includes('::')) {
    throw new BuildError(
      `fsId can't contain "::", which ends it in partition names; got "${fsId}".`,
    )
  }
}
