import { GzipFile } from './gzip-file.ts'
import { type ByteInput, InputFile } from './input-file.ts'

/** Whether a file is to be unpacked: as told, or as its name tells. */
export const isGzip = (path: string, told: boolean | undefined): boolean =>
  told ?? path.endsWith('.gz')

/** Opens what a file holds, unpacked if need be, behind an offset in it. */
export const openInput = (
  path: string,
  offset: number,
  gzip: boolean | undefined,
): Promise<ByteInput> =>
  isGzip(path, gzip) ? GzipFile.open(path, offset) : InputFile.open(path, offset)
