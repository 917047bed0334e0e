/**
 * What processes of a flow tell one another outside of an execution: all to all, again and again, on
 * `tidemark.<flow>.ctl.hello` and `tidemark.<flow>.ctl.plan`. Anything may be lost; what does not
 * read as one of these is dropped.
 */

/** A process and what it brings. */
export interface Hello {
  readonly process: number
  /** How many processes it believes the flow to have. */
  readonly count: number
  /** Tells two lives of one process apart. */
  readonly incarnation: string
  readonly workers: number
  readonly hash: string
  readonly version: string
  /** The ids of the recovery stores that it can read; `null` where no snapshots are kept. */
  readonly stores: readonly string[] | null
  /** The run that its recovery directory was left in; `null` where in none. */
  readonly run: string | null
  /** The highest execution it knows of. */
  readonly seen: number
  /** The execution that it works in, or is closing; 0 for none. */
  readonly busy: number
  /** The execution that it saw end well; 0 for none. */
  readonly done: number
  readonly leads: boolean
  /** It was told to stop, and stays out of executions. */
  readonly leaving: boolean
}

export interface PlanMember {
  readonly process: number
  readonly incarnation: string
  readonly workers: number
  readonly stores: readonly string[] | null
}

/** An execution as the leader forms it. */
export interface Plan {
  readonly execution: number
  /** 16 bytes, in hexadecimal. */
  readonly token: string
  readonly run: string
  readonly hash: string
  /** By the number of the process. */
  readonly members: readonly PlanMember[]
}

export const encodeControl = (message: Hello | Plan): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(message))

/** `null` for what is no such message. */
export const readHello = (bytes: Uint8Array): Hello | null => {
  const it = parsed(bytes)
  if (it === null) return null
  const numbers = [it['process'], it['count'], it['workers'], it['seen'], it['busy'], it['done']]
  const texts = [it['incarnation'], it['hash'], it['version']]
  const flags = [it['leads'], it['leaving']]
  const whole =
    numbers.every(isCount) &&
    texts.every(isText) &&
    flags.every((flag) => typeof flag === 'boolean') &&
    isStores(it['stores']) &&
    (it['run'] === null || isText(it['run']))
  return whole ? (it as Partial<Hello> as Hello) : null
}

/** `null` for what is no such message. */
export const readPlan = (bytes: Uint8Array): Plan | null => {
  const it = parsed(bytes)
  if (it === null || !isCount(it['execution'])) return null
  const { token, run, hash, members } = it as { [name: string]: unknown }
  if (typeof token !== 'string' || !/^[0-9a-f]{32}$/.test(token)) return null
  if (!isText(run) || !isText(hash) || !Array.isArray(members)) return null
  return members.length > 0 && members.every(isMember) ? (it as Partial<Plan> as Plan) : null
}

const MOST_BYTES = 256 * 1024
const LONGEST_TEXT = 256

const parsed = (bytes: Uint8Array): Readonly<Record<string, unknown>> | null => {
  if (bytes.length > MOST_BYTES) return null
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= LONGEST_TEXT
const isStores = (value: unknown): boolean =>
  value === null || (Array.isArray(value) && value.every(isText))
const isMember = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false
  const { process, incarnation, workers, stores } = value as Record<string, unknown>
  return isCount(process) && isText(incarnation) && isCount(workers) && isStores(stores)
}
