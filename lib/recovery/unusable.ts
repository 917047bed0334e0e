import { RecoveryError } from '../errors/errors.ts'

/** What the file system says of itself, and what to do about it. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOTDIR: 'it, or something on the way to it, is a file: name a directory',
  EEXIST: 'something on the way to it is a file: name a directory',
  EACCES: 'this process may not: let it read and write there, or name another directory',
  EPERM: 'this process may not: let it read and write there, or name another directory',
  EROFS: 'it lies on a read-only file system: make that writable, or name another directory',
  // Also what Node makes of a read-only file system where it makes several directories.
  ENOENT: 'check its path, and that its file system is writable',
  ENOSPC: 'the disk is full: make room',
  EDQUOT: 'the quota is used up: make room',
  EMFILE: 'this process has too many files open: raise its limit (ulimit -n)',
  ENFILE: 'the system has too many files open: raise its limit',
  EIO: 'the disk fails: replace it, and restore the directory from a backup',
}

/**
 * Runs what works in a recovery directory; what the file system refuses becomes an error that names
 * the directory and says what to do.
 */
export const inDirectory = async <T>(directory: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    throw isSystemError(cause) ? unusable(directory, cause) : cause
  }
}

const isSystemError = (cause: unknown): cause is NodeJS.ErrnoException =>
  cause instanceof Error && 'syscall' in cause && 'code' in cause

const unusable = (directory: string, cause: NodeJS.ErrnoException): RecoveryError => {
  const advice = ADVICE[cause.code ?? ''] ?? 'check it, or name another directory'
  return new RecoveryError(
    `The recovery directory ${directory} can't be used (${cause.message}); ${advice}.`,
    { cause },
  )
}
