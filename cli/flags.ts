import { UsageError } from './usage-error.ts'

/** One flag of `tidemark run`; a flag beats its variable, an empty variable counts as unset. */
export interface Flag {
  /** Under which the flag's text is handed over. */
  readonly key: string
  readonly usage: string
  readonly variable: string
  /** A line for `--help`, with an example at its end. */
  readonly help: string
  /** The same thing switched off. */
  readonly negation?: { readonly usage: string; readonly help: string }
}

const WORKERS = {
  key: 'workersPerProcess',
  usage: '-w, --workers-per-process <n>',
  variable: 'TIDEMARK_WORKERS_PER_PROCESS',
  help: 'worker threads in this process (1): -w 2',
} as const
const PROCESSES = {
  key: 'processes',
  usage: '-p, --processes <n>',
  variable: 'TIDEMARK_PROCESSES',
  help: 'start n processes here, joined through NATS: -p 3',
} as const
const PROCESS_ID = {
  key: 'processId',
  usage: '-i, --process-id <i>',
  variable: 'TIDEMARK_PROCESS_ID',
  help: 'this is process i, counted from 0: -i 0 -P 3',
} as const
const PROCESS_COUNT = {
  key: 'processCount',
  usage: '-P, --process-count <n>',
  variable: 'TIDEMARK_PROCESS_COUNT',
  help: 'n processes in all, the others run elsewhere: -P 3 -i 0',
} as const
const NATS = {
  key: 'nats',
  usage: '-n, --nats <url>',
  variable: 'TIDEMARK_NATS_URL',
  help: 'NATS servers, with commas between: -n nats://a:4222,nats://b:4222',
} as const
const RECOVERY = {
  key: 'recoveryDirectory',
  usage: '-r, --recovery-directory <dir>',
  variable: 'TIDEMARK_RECOVERY_DIRECTORY',
  help: 'keep snapshots here, and resume from them: -r ./state',
} as const
const SNAPSHOT = {
  key: 'snapshotInterval',
  usage: '-s, --snapshot-interval <seconds>',
  variable: 'TIDEMARK_SNAPSHOT_INTERVAL',
  help: 'time between snapshots (10): -s 0.5',
} as const
const BACKUP = {
  key: 'backupInterval',
  usage: '-b, --backup-interval <seconds>',
  variable: 'TIDEMARK_BACKUP_INTERVAL',
  help: 'how long superseded snapshots are kept (0): -b 3600',
} as const
const API = {
  key: 'api',
  usage: '--api <host:port>',
  variable: 'TIDEMARK_API',
  help: 'where the HTTP API listens: --api 127.0.0.1:3030',
  negation: { usage: '--no-api', help: 'no HTTP API; as the variable: off' },
} as const
const LOG_LEVEL = {
  key: 'logLevel',
  usage: '--log-level <level>',
  variable: 'TIDEMARK_LOG_LEVEL',
  help: 'debug (with stacks), info, warn or error (info): --log-level debug',
} as const

export const FLAGS: readonly Flag[] = [
  WORKERS,
  PROCESSES,
  PROCESS_ID,
  PROCESS_COUNT,
  NATS,
  RECOVERY,
  SNAPSHOT,
  BACKUP,
  API,
  LOG_LEVEL,
]

/** What this version does not do yet, by flag. To make a flag work, take its line out. */
const NOT_YET: ReadonlyMap<Flag, string> = new Map<Flag, string>([
  [PROCESSES, 'more than one process is'],
  [PROCESS_ID, 'a flow over several processes is'],
  [PROCESS_COUNT, 'a flow over several processes is'],
  [NATS, 'running over NATS is'],
  [API, 'the HTTP API is'],
])

export const isAvailable = (flag: Flag): boolean => !NOT_YET.has(flag)

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Flags and variables, read and checked; times are milliseconds, `null` is "not said". */
export interface RunFlags {
  /** Threads; in one, the flow runs in the thread of the command. */
  readonly workers: number | null
  readonly recoveryDirectory: string | null
  readonly snapshotInterval: number | null
  readonly backupInterval: number | null
  readonly logLevel: LogLevel
}

/** The texts of flags by their keys, as the command line has them; `false` for a `--no-` flag. */
export type GivenFlags = Readonly<Record<string, unknown>>
type Variables = Readonly<Record<string, string | undefined>>

/** @throws UsageError naming the flag or the variable that can't be read, or is not available yet */
export const readFlags = (given: GivenFlags, variables: Variables): RunFlags => {
  const find = (flag: Flag): Found | null => findText(flag, given, variables)
  const later = (flag: Flag, asked: (found: Found) => boolean): void => {
    const found = find(flag)
    if (found === null || !asked(found)) return
    const what = NOT_YET.get(flag)
    if (what !== undefined) throw new UsageError(`${found.name}: ${what} not available yet.`)
  }
  later(PROCESSES, (found) => countOf(found) > 1)
  later(PROCESS_ID, () => true)
  later(PROCESS_COUNT, () => true)
  later(NATS, () => true)
  later(API, ({ text }) => text !== 'off')
  return {
    workers: read(find(WORKERS), countOf),
    recoveryDirectory: read(find(RECOVERY), directoryOf),
    snapshotInterval: read(find(SNAPSHOT), millisOf),
    backupInterval: read(find(BACKUP), millisOf),
    logLevel: read(find(LOG_LEVEL), levelOf) ?? 'info',
  }
}

interface Found {
  /** The flag or the variable that says it. */
  readonly name: string
  readonly text: string
}

const findText = (flag: Flag, given: GivenFlags, variables: Variables): Found | null => {
  const text = given[flag.key]
  const name = flag.usage.replace(/^-\w, /, '').replace(/ .*/, '')
  if (text === false) return { name, text: 'off' }
  if (typeof text === 'string') return { name, text }
  const variable = variables[flag.variable]
  if (variable === undefined || variable === '') return null
  return { name: flag.variable, text: variable }
}

const read = <T>(found: Found | null, reader: (found: Found) => T): T | null =>
  found === null ? null : reader(found)

const MOST = 1024

const countOf = ({ name, text }: Found): number => {
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= MOST) return count
  throw new UsageError(`${name} takes a whole number from 1 to ${MOST}; got "${text}".`)
}

const directoryOf = ({ name, text }: Found): string => {
  if (text !== '') return text
  throw new UsageError(`${name} takes the path of a directory, as ./state; got nothing.`)
}

const millisOf = ({ name, text }: Found): number => {
  const seconds = Number(text)
  if (/^(\d+(\.\d*)?|\.\d+)$/.test(text) && Number.isSafeInteger(Math.ceil(seconds * 1000))) {
    return seconds * 1000
  }
  throw new UsageError(`${name} takes seconds, as 30 or 0.5, and 0 is one; got "${text}".`)
}

const levelOf = ({ name, text }: Found): LogLevel => {
  const level = LEVELS.find((each) => each === text)
  if (level !== undefined) return level
  throw new UsageError(`${name} takes ${LEVELS.join(', ')}; got "${text}".`)
}
