import type { Terminal } from './terminal.ts'

/** Exit codes. */
export const DONE = 0
export const FAILED = 1
export const MISUSED = 2
export const INTERRUPTED = 130

/** What a command has around it. */
export interface World {
  /** Standard error. */
  readonly terminal: Terminal
  /** Writes results to standard output. */
  readonly print: (text: string) => void
  /** The directory that paths are relative to. */
  readonly directory: string
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Ends the process at once. */
  readonly leave: (code: number) => never
}
