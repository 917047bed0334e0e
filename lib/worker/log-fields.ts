/** What a log line is about, beside its words; what does not apply is not there. */
export interface LogFields {
  readonly flow?: string
  readonly worker?: number
  /** The step's id without the flow's name. */
  readonly step?: string
  /** The epoch that was open. */
  readonly epoch?: number
  /** What was thrown. */
  readonly err?: unknown
}

/** Tells of something that a person may want to know. */
export type Report = (level: 'info' | 'warn' | 'error', message: string, fields?: LogFields) => void
