import type { Logger } from '../lib/run/logger.ts'
import type { LogFields } from '../lib/worker/log-fields.ts'
import { explain } from './explain.ts'
import type { LogFormat, LogLevel } from './flags.ts'

/** What is asked of standard output and standard error. */
export interface Screen {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string, ...rest: never[]): boolean
}

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
/** A terminal that does not know its width says 0. */
const USUAL_COLUMNS = 80
const CLEAR = '\r\x1b[K'

/**
 * What the command says to a person, on standard error: lines, and on a terminal one line below them
 * that is drawn anew.
 *
 * T1. Whatever is written takes the drawn line away first.
 * T2. Nothing is drawn beside what does not go to a terminal, nor behind an unfinished line.
 */
export class Terminal {
  readonly interactive: boolean
  level: LogLevel = 'info'
  format: LogFormat = 'text'
  readonly #screen: Screen
  #drawn = false
  #atLineStart = true

  constructor(screen: Screen) {
    this.#screen = screen
    this.interactive = screen.isTTY === true
  }

  /** Watches an output that may share the screen; gives what ends that. */
  share(output: Screen): () => void {
    if (!this.interactive || output.isTTY !== true) return () => {}
    const write = output.write
    output.write = (text, ...rest) => {
      if (text.length > 0) {
        this.#clear()
        this.#atLineStart = String(text).endsWith('\n')
      }
      return write.call(output, text, ...rest)
    }
    return () => {
      output.write = write
    }
  }

  /** A line, whatever the level. */
  say(text: string): void {
    this.#line('info', text)
  }

  /** The line that changes; seen on a terminal only. */
  draw(text: string): void {
    if (!this.interactive || !this.#atLineStart) return
    const columns = this.#screen.columns || USUAL_COLUMNS
    this.#screen.write(`${CLEAR}${text.slice(0, Math.max(0, columns - 1))}`)
    this.#drawn = true
  }

  debug(message: string): void {
    if (this.shows('debug')) this.#line('debug', message)
  }

  warn(message: string): void {
    if (this.shows('warn')) this.#line('warn', message)
  }

  error(message: string): void {
    this.#line('error', message)
  }

  /** What made the command fail. */
  fail(error: unknown): void {
    this.#line('error', explain(error, { stacks: this.shows('debug') }))
  }

  /** Where runs say what they have to say. */
  get logger(): Logger {
    const to =
      (level: LogLevel) =>
      (fields: LogFields, message: string): void => {
        if (this.shows(level)) this.#line(level, message, fields)
      }
    return { info: to('info'), warn: to('warn'), error: to('error') }
  }

  shows(level: LogLevel): boolean {
    return ORDER.indexOf(level) >= ORDER.indexOf(this.level)
  }

  #line(level: LogLevel, message: string, { err, ...fields }: LogFields = {}): void {
    const cause = err === undefined ? null : explain(err, { stacks: this.shows('debug') })
    this.#clear()
    const start = this.#atLineStart ? '' : '\n'
    this.#atLineStart = true
    if (this.format === 'json') {
      const time = new Date().toISOString()
      const line = {
        time,
        level,
        msg: message,
        ...fields,
        ...(cause === null ? {} : { err: cause }),
      }
      this.#screen.write(`${start}${JSON.stringify(line)}\n`)
      return
    }
    const text = cause === null ? message : `${message}: ${cause}`
    this.#screen.write(`${start}tidemark: ${level === 'warn' ? 'warning: ' : ''}${text}\n`)
  }

  #clear(): void {
    if (!this.#drawn) return
    this.#drawn = false
    this.#screen.write(CLEAR)
  }
}
