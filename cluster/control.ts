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
  /** The newest execution it knows of, also from a life before; `null` for none, or while it works. */
  readonly last: LastExecution | null
  /** The processes that it has heard lately. */
  readonly hears: readonly number[]
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

/** Who took part in an execution, and which recovery stores each of them could read. */
export interface LastExecution {
  readonly execution: number
  readonly members: readonly Pick<PlanMember, 'process' | 'stores'>[]
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

/** What of an execution is remembered when it is over; not its secret. */
export const lastOf = ({ execution, members }: LastExecution): LastExecution => ({
  execution,
  members: members.map(({ process, stores }) => ({ process, stores })),
})

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
    (it['run'] === null || isText(it['run'])) &&
    (it['last'] === null || readLast(it['last']) !== null) &&
    Array.isArray(it['hears']) &&
    it['hears'].every(isCount)
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

/** `null` for what says no such thing. */
export const readLast = (value: unknown): LastExecution | null => {
  if (typeof value !== 'object' || value === null) return null
  const { execution, members } = value as Record<string, unknown>
  const whole = isCount(execution) && Array.isArray(members) && members.every(isPart)
  return whole ? (value as LastExecution) : null
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
const isPart = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false
  const { process, stores } = value as Record<string, unknown>
  return isCount(process) && isStores(stores)
}
const isMember = (value: unknown): boolean => {
  const { incarnation, workers } = (value ?? {}) as Record<string, unknown>
  return isPart(value) && isText(incarnation) && isCount(workers)
}
