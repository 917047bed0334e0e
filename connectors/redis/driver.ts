import type { Redis } from 'ioredis'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { Backoff } from '../backoff.ts'
import { shownUrl } from '../shown-url.ts'

/** Milliseconds: for a connection, for an answer, and between two tries to connect. */
const CONNECT_WITHIN = 10_000
const ANSWER_WITHIN = 30_000
const SHORTEST_PAUSE = 50
const LONGEST_PAUSE = 500
/** A command waits so long for a connection that is lost: milliseconds. */
const BACK_WITHIN = 750

export interface RedisConnectionOptions {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  readonly url: string
}

export type RedisArgument = string | number | Uint8Array

/** A Redis server, as the connector sees it; replies come as bytes, numbers and lists. */
export interface Connection {
  /** @throws ConnectorError, retryable unless Redis refuses the command */
  call(command: string, ...args: readonly RedisArgument[]): Promise<unknown>
  /** Ends the connection at once, and whatever waits for an answer. */
  close(): void
}

/**
 * Connects, and from then on again and again, later and later, until closed.
 *
 * @throws ConnectorError where the server can't be reached, or does not let us in
 */
export const openConnection = async ({ url }: RedisConnectionOptions): Promise<Connection> => {
  const { Redis: Client } = await loadDriver()
  const pauses = new Backoff(systemRuntime, { shortest: SHORTEST_PAUSE, longest: LONGEST_PAUSE })
  let refusal: Error | null = null
  const client = new Client(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_WITHIN,
    commandTimeout: ANSWER_WITHIN,
    // A command is sent once: what became of it, its caller finds out.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    retryStrategy: () => pauses.next(),
  })
  client.on('ready', () => pauses.reset())
  client.on('error', (error: Error) => {
    refusal = error
  })
  try {
    await client.connect()
    // A database that the client may not select is not left for it to find out: it would go on in another.
    if (isReply(refusal)) throw refusal
  } catch (cause) {
    client.disconnect()
    throw redisError(refusal ?? cause, `No Redis server can be used at ${shownUrl(url)}`)
  }
  return new RedisConnection(client)
}

class RedisConnection implements Connection {
  readonly #client: Redis

  constructor(client: Redis) {
    this.#client = client
  }

  async call(command: string, ...args: readonly RedisArgument[]): Promise<unknown> {
    if (this.#client.status !== 'ready') await this.#back()
    try {
      return await this.#client.callBuffer(command, ...args.map(argumentOf))
    } catch (cause) {
      throw redisError(cause, `Redis (${command})`)
    }
  }

  close(): void {
    this.#client.disconnect()
  }

  /** Resolves when it is connected again, or when that takes too long. */
  #back(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel()
        this.#client.off('ready', done)
        this.#client.off('end', done)
        resolve()
      }
      const timer = systemRuntime.after(BACK_WITHIN, done)
      this.#client.on('ready', done)
      this.#client.on('end', done)
    })
  }
}

const argumentOf = (argument: RedisArgument): string | number | Buffer =>
  argument instanceof Uint8Array && !Buffer.isBuffer(argument)
    ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
    : (argument as string | number | Buffer)

/** Replies that pass: loading, a script that runs, a failover, no memory. */
const PASSING =
  /^(?:LOADING|BUSY\b|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|READONLY|OOM|NOREPLICAS|MISCONF|UNBLOCKED)/

const redisError = (cause: unknown, what: string): ConnectorError => {
  const message = cause instanceof Error && cause.message !== '' ? cause.message : String(cause)
  return new ConnectorError(`${what}: ${message}.`, {
    cause,
    retryable: !isReply(cause) || PASSING.test(message),
  })
}

/** Whether the server answered, and said no. */
const isReply = (cause: unknown): boolean => cause instanceof Error && cause.name === 'ReplyError'

const loadDriver = async () => {
  try {
    return await import('ioredis')
  } catch (cause) {
    throw new ConnectorError(
      'The Redis connector needs the package "ioredis": npm install ioredis.',
      { cause },
    )
  }
}
