import { readFile } from 'node:fs/promises'
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type KV,
  type NatsConnection,
  NatsError,
  nkeyAuthenticator,
  type ObjectStore,
} from 'nats'
import { ClusterError, CorruptPartitionError } from '../lib/errors/errors.ts'
import { type Archive, checkObjectName } from '../lib/recovery/archive.ts'
import type { NatsOptions } from '../lib/run/nats-options.ts'
import type { ConnectionState, Entry, Messaging, Register, Subscription } from './messaging.ts'
import { dialCleanly } from './nats-dial.ts'
import { connectError, registerError } from './nats-error.ts'

dialCleanly()

/** The client's own pings find a peer that is silent in three of these: milliseconds. */
const PING_EVERY = 1000
const RECONNECT_WAIT = 100
const RECONNECT_JITTER = 50
const CONNECT_TIMEOUT = 5000
/** What the server answers when a key is not as the writer believed it to be. */
const WRONG_LAST_SEQUENCE = 10071
/** As long as the server has not said what it takes. */
const USUAL_PAYLOAD = 1024 * 1024

/**
 * Connects to NATS.
 *
 * @param options.name - what the server shows for this connection
 * @throws ClusterError where no server can be reached, or none lets us in
 */
export const connectNats = async (
  options: NatsOptions & { readonly name: string },
): Promise<Messaging> => {
  return new NatsMessaging(await connection(options))
}

/**
 * A bucket of the JetStream object store as an archive; it is made where it is missing.
 *
 * @throws ClusterError where no server can be reached, or it keeps no objects
 */
export const openObjectStore = async (bucket: string, options: NatsOptions): Promise<Archive> => {
  const nats = await connection({ ...options, name: `tidemark archive ${bucket}` })
  try {
    return new NatsArchive(nats, { bucket, store: await nats.jetstream().views.os(bucket) })
  } catch (cause) {
    await nats.close()
    const text = cause instanceof Error ? cause.message : String(cause)
    throw new ClusterError(
      `The NATS server gives no object store "${bucket}" (${text}). It must run with JetStream, version 2.9 or newer, and let this user make the bucket or find it made.`,
      { cause },
    )
  }
}

const connection = async (
  options: NatsOptions & { readonly name: string },
): Promise<NatsConnection> => {
  const servers = serverList(options.servers)
  try {
    return await connect(await driverOptions(options, servers))
  } catch (cause) {
    throw connectError(cause, servers.map(withoutSecrets))
  }
}

/** The list that `nats://a:4222,nats://b:4222` stands for. */
const serverList = (servers: string | readonly string[]): readonly string[] =>
  (typeof servers === 'string' ? [servers] : servers)
    .flatMap((each) => each.split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '')

/** A server's URL as it may be shown. */
const withoutSecrets = (server: string): string => server.replace(/\/\/[^@/]*@/, '//')

const driverOptions = async (
  options: NatsOptions & { readonly name: string },
  servers: readonly string[],
): Promise<ConnectionOptions> => {
  const { user, pass, token, nkeySeed, creds, tls, inboxPrefix, name } = options
  const inUrl = credentialsIn(servers)
  return {
    servers: servers.map(withoutSecrets),
    name,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT,
    reconnectJitter: RECONNECT_JITTER,
    reconnectJitterTLS: RECONNECT_JITTER,
    pingInterval: PING_EVERY,
    maxPingOut: 2,
    timeout: CONNECT_TIMEOUT,
    ...inUrl,
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls: { ...tls } }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(nkeySeed === undefined
      ? {}
      : { authenticator: nkeyAuthenticator(new TextEncoder().encode(nkeySeed)) }),
    ...(creds === undefined ? {} : { authenticator: credsAuthenticator(await readFile(creds)) }),
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

class NatsMessaging implements Messaging {
  readonly #connection: NatsConnection
  readonly #listeners = new Set<(state: ConnectionState) => void>()
  #state: ConnectionState = 'up'

  constructor(connection: NatsConnection) {
    this.#connection = connection
    void this.#follow()
    void connection.closed().then(() => this.#become('closed'))
  }

  get state(): ConnectionState {
    return this.#state
  }

  get maxPayload(): number {
    return this.#connection.info?.max_payload ?? USUAL_PAYLOAD
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (!this.#connection.isClosed()) this.#connection.publish(subject, bytes)
  }

  subscribe(subject: string, take: (bytes: Uint8Array, subject: string) => void): Subscription {
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) take(message.data, message.subject)
      },
    })
    return { end: () => subscription.unsubscribe() }
  }

  roundTrip(): Promise<void> {
    return this.#connection.flush()
  }

  onState(listen: (state: ConnectionState) => void): Subscription {
    this.#listeners.add(listen)
    return { end: () => this.#listeners.delete(listen) }
  }

  async register(name: string, ttl: number): Promise<Register> {
    try {
      const kv = await this.#connection.jetstream().views.kv(name, { ttl, history: 1 })
      return new NatsRegister(kv)
    } catch (cause) {
      throw registerError(cause)
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    if (!this.#connection.isClosed()) await this.#connection.close()
  }

  async #follow(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect') this.#become('down')
      else if (type === 'reconnect') this.#become('up')
    }
  }

  #become(state: ConnectionState): void {
    if (this.#state === state) return
    this.#state = state
    for (const listen of this.#listeners) listen(state)
  }
}

/** Keys are NATS's already; values are text. */
class NatsRegister implements Register {
  readonly #kv: KV

  constructor(kv: KV) {
    this.#kv = kv
  }

  async get(key: string): Promise<Entry | null> {
    const entry = await this.#kv.get(key)
    if (entry === null || entry.operation !== 'PUT' || entry.length === 0) return null
    return { value: entry.string(), revision: entry.revision }
  }

  create(key: string, value: string): Promise<number | null> {
    return unlessTaken(this.#kv.create(key, value))
  }

  update(key: string, value: string, revision: number): Promise<number | null> {
    return unlessTaken(this.#kv.update(key, value, revision))
  }

  put(key: string, value: string): Promise<number> {
    return this.#kv.put(key, value)
  }

  delete(key: string): Promise<void> {
    return this.#kv.delete(key)
  }
}

/** Objects under names of ours; one is made only where nothing was ever written under its name. */
class NatsArchive implements Archive {
  readonly #connection: NatsConnection
  readonly #bucket: string
  readonly #store: ObjectStore

  constructor(
    connection: NatsConnection,
    place: { readonly bucket: string; readonly store: ObjectStore },
  ) {
    this.#connection = connection
    this.#bucket = place.bucket
    this.#store = place.store
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    checkObjectName(name)
    // Whoever sends an object before it is known to be taken leaves the other one its pieces.
    if ((await this.#store.info(name)) !== null) return false
    const made = this.#store.putBlob({ name }, bytes, { previousRevision: 0 })
    return (await unlessTaken(made.then(() => 1))) !== null
  }

  async read(name: string, limit: number): Promise<Uint8Array | null> {
    checkObjectName(name)
    const info = await this.#store.info(name)
    if (info === null || info.deleted) return null
    if (info.size > limit) {
      throw new CorruptPartitionError(
        `The archived object ${name} is damaged: it has ${info.size} bytes, and none has more than ${limit}.`,
      )
    }
    return this.#store.getBlob(name)
  }

  async list(prefix: string): Promise<readonly string[]> {
    const found = await this.#store.list()
    return found
      .map(({ name }) => name)
      .filter((name) => name.startsWith(prefix))
      .sort()
  }

  /** Also what a deletion by the client would leave in its place, as names are never used again. */
  async remove(name: string): Promise<void> {
    checkObjectName(name)
    const info = await this.#store.info(name)
    if (info === null) return
    const { streams } = await this.#connection.jetstreamManager()
    const subjects = `$O.${this.#bucket}`
    const place = Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
    await streams.purge(`OBJ_${this.#bucket}`, { filter: `${subjects}.C.${info.nuid}` })
    await streams.purge(`OBJ_${this.#bucket}`, { filter: `${subjects}.M.${place}` })
  }

  async close(): Promise<void> {
    if (!this.#connection.isClosed()) await this.#connection.close()
  }
}

const unlessTaken = async (write: Promise<number>): Promise<number | null> => {
  try {
    return await write
  } catch (error) {
    if (error instanceof NatsError && error.api_error?.err_code === WRONG_LAST_SEQUENCE) return null
    throw error
  }
}
