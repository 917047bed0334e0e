import { randomBytes } from 'node:crypto'

/** Bytes that nobody can guess. No chance of a run's: a simulation has no secrets. */
export const secretBytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length))
