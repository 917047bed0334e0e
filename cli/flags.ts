import { type Address, isLoopback, parseAddress } from '../ops/api/address.ts'
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
const ARCHIVE = {
  key: 'archive',
  usage: '--archive <place>',
  variable: 'TIDEMARK_ARCHIVE',
  help: 'send snapshots there too, and restore from it: --archive dir:/mnt/far, nats:bucket, s3:bucket/prefix',
} as const
const ARCHIVE_REQUIRED = {
  key: 'archiveRequired',
  usage: '--archive-required',
  variable: 'TIDEMARK_ARCHIVE_REQUIRED',
  help: 'commit only what is in the archive: --archive-required --archive dir:/mnt/far',
} as const
const ALLOW_REWIND = {
  key: 'allowRewind',
  usage: '--allow-rewind',
  variable: 'TIDEMARK_ALLOW_REWIND',
  help: 'go on from an archive that may be behind what was handed on: --allow-rewind --archive dir:/mnt/far',
} as const
const TAKE_OVER_AFTER = {
  key: 'takeOverAfter',
  usage: '--take-over-after <seconds>',
  variable: 'TIDEMARK_TAKE_OVER_AFTER',
  help: 'how long a process may stay away before the others go on without it, where they can (30): --take-over-after 300',
} as const
const API = {
  key: 'api',
  usage: '--api <host:port>',
  variable: 'TIDEMARK_API',
  help: 'where the HTTP API listens (127.0.0.1, the next free port from 3030): --api 127.0.0.1:3030',
  negation: { usage: '--no-api', help: 'no HTTP API; as the variable: off' },
} as const
const LOG_LEVEL = {
  key: 'logLevel',
  usage: '--log-level <level>',
  variable: 'TIDEMARK_LOG_LEVEL',
  help: 'debug (with stacks), info, warn or error (info): --log-level debug',
} as const
const LOG_FORMAT = {
  key: 'logFormat',
  usage: '--log-format <format>',
  variable: 'TIDEMARK_LOG_FORMAT',
  help: 'text, or json for a line of JSON each (text): --log-format json',
} as const
const TRACE = {
  key: 'trace',
  usage: '--trace <url>',
  variable: 'TIDEMARK_TRACE',
  help: 'send spans there, by OTLP over HTTP: --trace http://127.0.0.1:4318/v1/traces',
} as const
const TRACE_RATIO = {
  key: 'traceRatio',
  usage: '--trace-ratio <ratio>',
  variable: 'TIDEMARK_TRACE_RATIO',
  help: 'of how many epochs, from 0 to 1 (1): --trace-ratio 0.01',
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
  ARCHIVE,
  ARCHIVE_REQUIRED,
  ALLOW_REWIND,
  TAKE_OVER_AFTER,
  API,
  LOG_LEVEL,
  LOG_FORMAT,
  TRACE,
  TRACE_RATIO,
]

/** A variable only: what stands on a command line is for all to see. */
const API_TOKEN = 'TIDEMARK_API_TOKEN'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFormat = 'text' | 'json'
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Flags and variables, read and checked; times are milliseconds, `null` is "not said". */
export interface RunFlags {
  /** Threads; in one, the flow runs in the thread of the command. */
  readonly workers: number | null
  /** Processes to start here. */
  readonly processes: number
  /** Which of several processes this is. */
  readonly place: { readonly process: number; readonly count: number } | null
  /** NATS servers, with commas between. */
  readonly nats: string | null
  readonly recoveryDirectory: string | null
  readonly snapshotInterval: number | null
  readonly backupInterval: number | null
  /** Where snapshots go, too: `dir:`, `nats:` or `s3:` and a name. */
  readonly archive: string | null
  readonly archiveRequired: boolean
  readonly allowRewind: boolean
  /** How long a process of several may stay away. */
  readonly takeOverAfter: number | null
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  /** The collector of spans, and of how many epochs it gets some. */
  readonly trace: { readonly endpoint: string; readonly samplingRatio: number } | null
  /** Where the API listens; `null` is the usual place, `'off'` nowhere. */
  readonly api: Address | 'off' | null
  /** What requests to it must bring. */
  readonly apiToken: string | null
}

/** The texts of flags by their keys, as the command line has them; `false` for a `--no-` flag. */
export type GivenFlags = Readonly<Record<string, unknown>>
type Variables = Readonly<Record<string, string | undefined>>

/** @throws UsageError naming the flag or the variable that can't be read, or goes with another */
export const readFlags = (given: GivenFlags, variables: Variables): RunFlags => {
  const find = (flag: Flag): Found | null => findText(flag, given, variables)
  const apiToken = variables[API_TOKEN] || null
  return {
    workers: read(find(WORKERS), countOf),
    ...processesOf(find),
    recoveryDirectory: read(find(RECOVERY), directoryOf),
    snapshotInterval: read(find(SNAPSHOT), millisOf),
    backupInterval: read(find(BACKUP), millisOf),
    archive: read(find(ARCHIVE), archiveOf),
    archiveRequired: read(find(ARCHIVE_REQUIRED), switchOf) ?? false,
    allowRewind: read(find(ALLOW_REWIND), switchOf) ?? false,
    takeOverAfter: read(find(TAKE_OVER_AFTER), millisOf),
    logLevel: read(find(LOG_LEVEL), levelOf) ?? 'info',
    logFormat: read(find(LOG_FORMAT), formatOf) ?? 'text',
    trace: traceOf(find(TRACE), find(TRACE_RATIO)),
    api: read(find(API), (found) => addressOf(found, apiToken)),
    apiToken,
  }
}

/** How many processes, which of them this is, and where they meet: what goes together. */
const processesOf = (
  find: (flag: Flag) => Found | null,
): Pick<RunFlags, 'processes' | 'place' | 'nats'> => {
  const id = find(PROCESS_ID)
  const count = find(PROCESS_COUNT)
  const processes = read(find(PROCESSES), countOf) ?? 1
  const nats = read(find(NATS), serversOf)
  if (id === null && count === null) return { processes, place: null, nats }
  if (id === null || count === null) {
    throw new UsageError(
      `${(id ?? count)?.name} goes with ${id === null ? '--process-id' : '--process-count'}: this is process i of n, as -i 0 -P 3.`,
    )
  }
  if (processes > 1) {
    throw new UsageError(
      '--processes starts all processes here, --process-id is for one of several elsewhere: give one of them.',
    )
  }
  const place = { process: numberOf(id), count: countOf(count) }
  if (place.process >= place.count) {
    throw new UsageError(
      `${id.name} counts from 0 to ${place.count - 1} with ${place.count} processes; got "${id.text}".`,
    )
  }
  if (nats === null) {
    throw new UsageError(
      `${id.name} needs the NATS servers where the processes meet: -n nats://host:4222.`,
    )
  }
  return { processes, place, nats }
}

interface Found {
  /** The flag or the variable that says it. */
  readonly name: string
  readonly text: string
}

const findText = (flag: Flag, given: GivenFlags, variables: Variables): Found | null => {
  const text = given[flag.key]
  const name = flag.usage.replace(/^-\w, /, '').replace(/ .*/, '')
  if (typeof text === 'boolean') return { name, text: text ? 'on' : 'off' }
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

const numberOf = ({ name, text }: Found): number => {
  const number = Number(text)
  if (/^\d+$/.test(text) && number < MOST) return number
  throw new UsageError(`${name} takes a whole number from 0 to ${MOST - 1}; got "${text}".`)
}

const serversOf = ({ name, text }: Found): string => {
  if (text.split(',').some((server) => server.trim() !== '')) return text
  throw new UsageError(
    `${name} takes the URLs of NATS servers, as nats://host:4222; got "${text}".`,
  )
}

const directoryOf = ({ name, text }: Found): string => {
  if (text !== '') return text
  throw new UsageError(`${name} takes the path of a directory, as ./state; got nothing.`)
}

const archiveOf = ({ name, text }: Found): string => {
  if (/^(dir|nats|s3):./.test(text)) return text
  throw new UsageError(
    `${name} takes dir:<path>, nats:<bucket> or s3:<bucket/prefix>; got "${text}".`,
  )
}

const switchOf = ({ name, text }: Found): boolean => {
  if (['on', '1', 'true', 'yes'].includes(text)) return true
  if (['off', '0', 'false', 'no'].includes(text)) return false
  throw new UsageError(`${name} takes on or off; got "${text}".`)
}

const millisOf = ({ name, text }: Found): number => {
  const seconds = Number(text)
  if (/^(\d+(\.\d*)?|\.\d+)$/.test(text) && Number.isSafeInteger(Math.ceil(seconds * 1000))) {
    return seconds * 1000
  }
  throw new UsageError(`${name} takes seconds, as 30 or 0.5, and 0 is one; got "${text}".`)
}

const addressOf = ({ name, text }: Found, token: string | null): Address | 'off' => {
  if (text === 'off') return 'off'
  const address = parseAddress(text)
  if (address === null) {
    throw new UsageError(`${name} takes host:port, as 127.0.0.1:3030, or off; got "${text}".`)
  }
  if (token === null && !isLoopback(address.host)) {
    throw new UsageError(
      `${name}: others can reach ${address.host}, so requests need a token: set ${API_TOKEN}.`,
    )
  }
  return address
}

const traceOf = (trace: Found | null, ratio: Found | null): RunFlags['trace'] => {
  const samplingRatio = read(ratio, ratioOf) ?? 1
  if (trace === null) return null
  const { name, text } = trace
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) {
    return { endpoint: text, samplingRatio }
  }
  throw new UsageError(
    `${name} takes the URL of a collector, as http://127.0.0.1:4318/v1/traces; got "${text}".`,
  )
}

const ratioOf = ({ name, text }: Found): number => {
  const ratio = Number(text)
  if (/^(\d+(\.\d*)?|\.\d+)$/.test(text) && ratio <= 1) return ratio
  throw new UsageError(`${name} takes a number from 0 to 1, as 0.01; got "${text}".`)
}

const formatOf = ({ name, text }: Found): LogFormat => {
  if (text === 'text' || text === 'json') return text
  throw new UsageError(`${name} takes text or json; got "${text}".`)
}

const levelOf = ({ name, text }: Found): LogLevel => {
  const level = LEVELS.find((each) => each === text)
  if (level !== undefined) return level
  throw new UsageError(`${name} takes ${LEVELS.join(', ')}; got "${text}".`)
}
