import type { LogFields } from '../worker/log-fields.ts'

/**
 * Where a run says what a person may want to know: each line with its fields before it, as pino,
 * bunyan and their kin take them. Lines that repeat are left out beyond a rate, and counted.
 *
 * @example
 * ```ts
 * const { warn, error } = console
 * await run(flow, { logger: { info: () => {}, warn, error } })
 * ```
 */
export interface Logger {
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** Warnings and errors on standard error, a line each; nothing else. */
export const standardLogger: Logger = {
  info: () => {},
  warn: (fields, message) => line('warning', message, fields),
  error: (fields, message) => line('error', message, fields),
}

const line = (level: string, message: string, { err }: LogFields): void => {
  const cause = err === undefined ? '' : `: ${err instanceof Error ? err.message : String(err)}`
  process.stderr.write(`tidemark ${level}: ${message}${cause}\n`)
}
