/** Where a run says what a person may want to know; pino fits, and so does `console`. */
export interface Logger {
  info(message: string, error?: unknown): void
  warn(message: string, error?: unknown): void
  error(message: string, error?: unknown): void
}

/** Warnings and errors on standard error, a line each; nothing else. */
export const standardLogger: Logger = {
  info: () => {},
  warn: (message, error) => line('warning', message, error),
  error: (message, error) => line('error', message, error),
}

const line = (level: string, message: string, error: unknown): void => {
  const cause =
    error === undefined ? '' : `: ${error instanceof Error ? error.message : String(error)}`
  process.stderr.write(`tidemark ${level}: ${message}${cause}\n`)
}
