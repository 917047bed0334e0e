import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { adoptRuns } from '../lib/run/adoption.ts'
import { advise } from '../ops/doctor/advise.ts'
import { examine } from '../ops/doctor/examine.ts'
import type { Finding } from '../ops/doctor/finding.ts'
import { type FlowNow, readFlowNow, type TwoLooks } from '../ops/doctor/flow-now.ts'
import { DONE, FAILED, type World } from './exit.ts'
import { findFlow } from './find-flow.ts'
import { parseModuleSpec } from './module-spec.ts'
import { UsageError } from './usage-error.ts'

export interface DoctorFlags {
  readonly json?: boolean
  readonly for?: string
  readonly tokenFile?: string
}

/** Bytes of an event; of a flow of a thousand steps on a hundred workers it is less. */
const MOST_BYTES = 64 * 1024 * 1024
/** Milliseconds for an answer to begin, and beyond the looks for all of it. */
const PATIENCE = 10_000
const USUAL_SECONDS = 3
const MOST_SECONDS = 600

/** Says how a running flow is, or what may go wrong with a module's; gives the exit code. */
export const doctorCommand = async (
  target: string,
  flags: DoctorFlags,
  world: World,
): Promise<number> => {
  const running = /^https?:\/\//.test(target)
  const findings = running
    ? await examineRunning(target, flags, world)
    : await adviseModule(target, world)
  const healthy = findings.every(({ level }) => level !== 'bad')
  if (flags.json === true) world.print(JSON.stringify({ target, healthy, findings }, null, 2))
  else
    for (const { level, about, says } of findings) world.print(`${SIGNS[level]} ${about}: ${says}`)
  return healthy ? DONE : FAILED
}

const SIGNS: Readonly<Record<Finding['level'], string>> = {
  good: 'ok  ',
  note: 'note',
  bad: 'BAD ',
}

const adviseModule = async (target: string, { directory }: World): Promise<readonly Finding[]> => {
  try {
    const { flow, options } = await findFlow(parseModuleSpec(target), directory)
    return advise(flow, options)
  } finally {
    adoptRuns(null)
  }
}

const examineRunning = async (
  target: string,
  flags: DoctorFlags,
  world: World,
): Promise<readonly Finding[]> => {
  const base = urlOf(target)
  const headers = await headersOf(flags, world)
  const seconds = secondsOf(flags.for)
  try {
    const failed = await hasFailed(base)
    if (failed)
      return [
        {
          about: 'flow',
          level: 'bad',
          says: `The flow at ${base.origin} has failed; its log says why.`,
        },
      ]
    const looks = await lookTwice(base, { headers, millis: seconds * 1000 })
    return examine(looks)
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    return [
      {
        about: 'flow',
        level: 'bad',
        says: `No flow answers at ${base.origin}: ${reasonOf(cause)}`,
      },
    ]
  }
}

const urlOf = (target: string): URL => {
  if (!URL.canParse(target)) {
    throw new UsageError(
      `"${target}" is no URL: tidemark doctor http://127.0.0.1:3030 asks the API that tidemark run prints.`,
    )
  }
  return new URL(target)
}

/** A token in the arguments would be for all to see. */
const headersOf = async (
  { tokenFile }: DoctorFlags,
  { variables, directory }: World,
): Promise<Record<string, string>> => {
  const token =
    tokenFile === undefined
      ? variables['TIDEMARK_API_TOKEN']
      : (await readToken(resolve(directory, tokenFile))).trim()
  if (token === undefined || token === '') return {}
  if (!/^[\w.~+/=-]+$/.test(token)) {
    throw new UsageError('The token of an API is made of letters, digits and . _ ~ + / = -.')
  }
  return { Authorization: `Bearer ${token}` }
}

const readToken = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new UsageError(`--token-file: "${path}" can't be read: ${reasonOf(cause)}`, { cause })
  }
}

const secondsOf = (text: string | undefined): number => {
  if (text === undefined) return USUAL_SECONDS
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (seconds > 0 && seconds <= MOST_SECONDS) return seconds
  throw new UsageError(`--for takes seconds, up to ${MOST_SECONDS}, as in --for 10; got "${text}".`)
}

const hasFailed = async (base: URL): Promise<boolean> => {
  const answer = await fetch(new URL('/healthz', base), {
    redirect: 'error',
    signal: AbortSignal.timeout(PATIENCE),
  })
  await answer.body?.cancel()
  return answer.status === 503
}

/** The first event, and the first that is so much later. */
const lookTwice = async (
  base: URL,
  { headers, millis }: { readonly headers: Record<string, string>; readonly millis: number },
): Promise<TwoLooks> => {
  const answer = await fetch(new URL('/flow/live', base), {
    headers,
    redirect: 'error',
    signal: AbortSignal.timeout(PATIENCE + millis),
  })
  if (answer.status === 401) {
    throw new UsageError(
      `${base.origin} asks for its token: set TIDEMARK_API_TOKEN, or name a file with --token-file.`,
    )
  }
  const isFeed = answer.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  if (!answer.ok || !isFeed || answer.body === null) {
    await answer.body?.cancel()
    throw new Error(
      answer.ok
        ? 'what answers there is no flow: take the address that tidemark run prints.'
        : `/flow/live answers ${answer.status}.`,
    )
  }
  let before: FlowNow | null = null
  for await (const text of events(answer.body)) {
    const now = readFlowNow(text)
    if (now === null)
      throw new Error('what /flow/live sends is not what a flow of this release sends.')
    if (before === null) before = now
    else if (now.time - before.time >= millis) return { before, after: now }
  }
  throw new Error('it ended while it was looked at.')
}

/** The data of server-sent events, as each is whole. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MOST_BYTES) throw new Error('it sends more than is read.')
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = text.slice(0, end)
      text = text.slice(end + 2)
      if (event.startsWith('data: ')) yield event.slice('data: '.length)
      else if (event.startsWith('event: end')) return
    }
  }
}

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  return cause.cause instanceof Error ? cause.cause.message : cause.message
}
