import { readFile } from 'node:fs/promises'
import type { ConnectionOptions, Msg, MsgHdrs, NatsConnection } from 'nats'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { type NatsConnectionOptions, serverList, withoutSecrets } from './connection-options.ts'
import type { Denied, HeaderPairs, Incoming, Wire, WireState } from './wire.ts'

/** The client's own pings find a server that is silent in three of these: milliseconds. */
const PING_EVERY = 2000
const CONNECT_WITHIN = 5000
const ANSWER_WITHIN = 5000
/** Waits between two tries to reach a server again, doubling up to the second: milliseconds. */
const SHORTEST_PAUSE = 50
const LONGEST_PAUSE = 5000
/** As long as the server has not said what it takes. */
const USUAL_PAYLOAD = 1024 * 1024
const NO_HEADERS: Readonly<Record<string, readonly string[]>> = Object.freeze({})
const NO_RESPONDERS = 503
const FORBIDDEN = 'PERMISSIONS_VIOLATION'

type Driver = Awaited<ReturnType<typeof loadDriver>>

/**
 * Connects to NATS, and from then on again and again, later and later, until closed.
 *
 * @throws ConnectorError where no server can be reached, or none lets us in
 */
export const openWire = async (options: NatsConnectionOptions): Promise<Wire> => {
  const driver = await loadDriver()
  const servers = serverList(options.servers)
  const pauses = new Pauses()
  try {
    const connection = await driver.connect(await driverOptions(options, { driver, pauses }))
    return new NatsWire(connection, {
      driver,
      pauses,
      inboxPrefix: options.inboxPrefix ?? '_INBOX',
    })
  } catch (cause) {
    const refused = cause instanceof driver.NatsError && /AUTH/.test(cause.code)
    throw new ConnectorError(
      `No NATS server can be used at ${servers.map(withoutSecrets).join(', ')}: ${textOf(cause)}. Look at \`servers\` and at the credentials, or start one with \`nats-server -js\`.`,
      { cause, retryable: !refused },
    )
  }
}

/** How long to wait before the next try. */
class Pauses {
  #next = SHORTEST_PAUSE

  next(): number {
    const pause = this.#next
    this.#next = Math.min(pause * 2, LONGEST_PAUSE)
    return pause * (1 + systemRuntime.random() / 4)
  }

  reset(): void {
    this.#next = SHORTEST_PAUSE
  }
}

class NatsWire implements Wire {
  readonly #connection: NatsConnection
  readonly #driver: Driver
  readonly #inboxPrefix: string
  readonly #listeners = new Set<(state: WireState) => void>()
  readonly #deniedListeners = new Set<(denied: Denied) => void>()
  #state: WireState = 'up'

  constructor(
    connection: NatsConnection,
    ends: { readonly driver: Driver; readonly pauses: Pauses; readonly inboxPrefix: string },
  ) {
    this.#connection = connection
    this.#driver = ends.driver
    this.#inboxPrefix = ends.inboxPrefix
    void this.#follow(ends.pauses)
    void connection.closed().then(() => this.#become('closed'))
  }

  get state(): WireState {
    return this.#state
  }

  get maxPayload(): number {
    return this.#connection.info?.max_payload ?? USUAL_PAYLOAD
  }

  inbox(): string {
    return this.#driver.createInbox(this.#inboxPrefix)
  }

  publish(
    subject: string,
    data: Uint8Array,
    more: { readonly headers?: HeaderPairs; readonly reply?: string } = {},
  ): void {
    if (this.#state === 'closed') throw connectionLost()
    try {
      this.#connection.publish(subject, data, {
        ...(more.reply === undefined ? {} : { reply: more.reply }),
        ...(more.headers === undefined ? {} : { headers: this.#headersOf(more.headers) }),
      })
    } catch (cause) {
      throw new ConnectorError(`NATS takes no message for "${subject}": ${textOf(cause)}.`, {
        cause,
      })
    }
  }

  subscribe(subject: string, take: (message: Incoming) => void, queue?: string): { end(): void } {
    const subscription = this.#connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error === null) take(incoming(message))
      },
    })
    return { end: () => subscription.unsubscribe() }
  }

  async request(subject: string, data: Uint8Array, headers?: HeaderPairs): Promise<Incoming> {
    if (this.#state !== 'up') throw connectionLost()
    try {
      const answer = await this.#connection.request(subject, data, {
        timeout: ANSWER_WITHIN,
        ...(headers === undefined ? {} : { headers: this.#headersOf(headers) }),
      })
      return incoming(answer)
    } catch (cause) {
      if (cause instanceof this.#driver.NatsError && cause.code === String(NO_RESPONDERS)) {
        return unanswered(subject)
      }
      if (cause instanceof this.#driver.NatsError && cause.code === FORBIDDEN) {
        const { operation, subject: what = subject } = cause.permissionContext ?? {}
        throw forbidden(operation === 'subscription' ? operation : 'publish', what)
      }
      throw new ConnectorError(`NATS does not answer ("${subject}"): ${textOf(cause)}.`, {
        cause,
        retryable: true,
      })
    }
  }

  async flush(): Promise<void> {
    try {
      await answered(this.#connection.flush())
    } catch (cause) {
      throw new ConnectorError(`The connection to NATS broke: ${textOf(cause)}.`, {
        cause,
        retryable: true,
      })
    }
  }

  onState(listen: (state: WireState) => void): { end(): void } {
    this.#listeners.add(listen)
    return { end: () => this.#listeners.delete(listen) }
  }

  onDenied(listen: (denied: Denied) => void): { end(): void } {
    this.#deniedListeners.add(listen)
    return { end: () => this.#deniedListeners.delete(listen) }
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    this.#deniedListeners.clear()
    if (!this.#connection.isClosed()) await this.#connection.close()
  }

  #headersOf(pairs: HeaderPairs): MsgHdrs {
    const headers = this.#driver.headers()
    for (const [name, value] of pairs) headers.append(name, value)
    return headers
  }

  async #follow(pauses: Pauses): Promise<void> {
    for await (const status of this.#connection.status()) {
      const { type, permissionContext: denied } = status
      if (denied !== undefined) this.#deny(denied)
      if (type === 'disconnect') this.#become('down')
      else if (type === 'reconnect') {
        pauses.reset()
        this.#become('up')
      }
    }
  }

  #deny({ operation, subject }: { readonly operation: string; readonly subject: string }): void {
    const what = operation === 'publish' ? 'publish' : 'subscription'
    const denied = { operation: what, subject, failure: forbidden(what, subject) } as const
    for (const listen of [...this.#deniedListeners]) listen(denied)
  }

  #become(state: WireState): void {
    if (this.#state === state || this.#state === 'closed') return
    this.#state = state
    for (const listen of [...this.#listeners]) listen(state)
  }
}

/** Its bytes are a copy: a message that is kept must not keep all that came with it. */
const incoming = (message: Msg): Incoming => {
  const { headers } = message
  return {
    subject: message.subject,
    reply: message.reply ?? '',
    data: message.data.slice(),
    headers: headers === undefined ? NO_HEADERS : recordOf(headers),
    status: headers === undefined ? 0 : headers.code,
    description: headers === undefined ? '' : headers.description,
  }
}

const unanswered = (subject: string): Incoming => ({
  subject,
  reply: '',
  data: new Uint8Array(),
  headers: NO_HEADERS,
  status: NO_RESPONDERS,
  description: 'no responders',
})

const recordOf = (headers: MsgHdrs): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    headers
      .keys()
      .filter((name) => name !== '__proto__')
      .map((name) => [name, headers.values(name)]),
  )

/** The client forgets what was asked amid a reconnect, and would wait for good. */
const answered = (flushed: Promise<void>): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = systemRuntime.after(ANSWER_WITHIN, () => reject(new Error('no answer')))
    flushed.then(resolve, reject).finally(() => timer.cancel())
  })

const forbidden = (operation: Denied['operation'], subject: string): ConnectorError =>
  new ConnectorError(
    `The NATS server does not let this user ${operation === 'publish' ? 'publish' : 'subscribe'} to "${subject}". Give the user that permission, or use another one.`,
  )

const connectionLost = (): ConnectorError =>
  new ConnectorError('The connection to NATS is lost.', { retryable: true })

const textOf = (cause: unknown): string =>
  cause instanceof Error && cause.message !== '' ? cause.message : String(cause)

const driverOptions = async (
  options: NatsConnectionOptions,
  { driver, pauses }: { readonly driver: Driver; readonly pauses: Pauses },
): Promise<ConnectionOptions> => {
  const { user, pass, token, nkeySeed, creds, tls, inboxPrefix } = options
  const servers = serverList(options.servers)
  return {
    servers: servers.map(withoutSecrets),
    name: 'tidemark connector',
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => pauses.next(),
    pingInterval: PING_EVERY,
    maxPingOut: 2,
    timeout: CONNECT_WITHIN,
    ...credentialsIn(servers),
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls: { ...tls } }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(nkeySeed === undefined
      ? {}
      : { authenticator: driver.nkeyAuthenticator(new TextEncoder().encode(nkeySeed)) }),
    ...(creds === undefined
      ? {}
      : { authenticator: driver.credsAuthenticator(await readFile(creds)) }),
  }
}

/** `nats://user:pass@host` or `nats://token@host`. */
const credentialsIn = (
  servers: readonly string[],
): { user?: string; pass?: string; token?: string } => {
  const found = servers.map((server) => /\/\/([^@/]*)@/.exec(server)?.[1]).find((each) => each)
  if (found === undefined) return {}
  const [first = '', second] = found.split(':').map(decodeURIComponent)
  return second === undefined ? { token: first } : { user: first, pass: second }
}

const loadDriver = async () => {
  try {
    return await import('nats')
  } catch (cause) {
    throw new ConnectorError('The NATS connector needs the package "nats": npm install nats.', {
      cause,
    })
  }
}
