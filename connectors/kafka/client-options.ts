import { isIP } from 'node:net'
import { BuildError } from '../../lib/errors/errors.ts'

export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'oauthbearer'
      /** Asked for a token at each new connection. */
      readonly token: () => string | Promise<string>
    }

export interface KafkaTls {
  /** PEM of who signs the brokers' certificates; the system's own list unless given. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[]
  /** PEM of our certificate and key, where brokers ask for one. */
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  readonly passphrase?: string
  /** The name that the certificate must bear. @defaultValue the broker's host */
  readonly servername?: string
  /** `false` takes any certificate: for tests alone. @defaultValue true */
  readonly rejectUnauthorized?: boolean
}

/** How brokers are talked to. */
export interface KafkaClientOptions {
  /** What brokers know us as, in their logs and quotas. @defaultValue `tidemark` */
  readonly clientId?: string
  /** `true` for TLS with what the system trusts. @defaultValue none */
  readonly tls?: boolean | KafkaTls
  readonly sasl?: KafkaSasl
  /** Milliseconds for a connection, handshakes included. @defaultValue 10000 */
  readonly connectTimeout?: number
  /** Milliseconds for an answer. @defaultValue 30000 */
  readonly requestTimeout?: number
}

/** Which brokers are asked first, and how. */
export interface KafkaConnectionOptions {
  /** `host:port` of one broker or more; the others are learned from them. */
  readonly brokers: readonly string[]
  readonly client?: KafkaClientOptions
}

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

const PORT = 9092
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']

/**
 * The addresses of a list of brokers.
 *
 * @throws BuildError for anything but a list of `host:port`
 */
export const brokerAddresses = (brokers: unknown): readonly BrokerAddress[] => {
  const names = nameList('brokers', brokers)
  return names.map((name) => {
    const [, bracketed, plain, port] =
      /^(?:\[([^\]]+)\]|([^:[\]/\s]+))(?::(\d+))?$/.exec(name) ?? []
    const host = bracketed ?? plain
    const number = port === undefined ? PORT : Number(port)
    if (host === undefined || number < 1 || number > 65_535 || (bracketed && isIP(host) === 0)) {
      throw new BuildError(`brokers are "host:port"; got "${name}".`)
    }
    return { host, port: number }
  })
}

/** A list of at least one name, each once. */
export const nameList = (option: string, names: unknown): readonly string[] => {
  if (typeof names === 'string') {
    throw new BuildError(`${option} must be a list, not a string: ["${names}"].`)
  }
  if (!Array.isArray(names) || names.length === 0) {
    throw new BuildError(`${option} must be a list of at least one name.`)
  }
  for (const name of names) {
    if (typeof name !== 'string' || name === '') {
      throw new BuildError(`${option} must be strings; got ${JSON.stringify(name)}.`)
    }
  }
  return [...new Set<string>(names)]
}

/** @throws BuildError for options that can't work */
export const checkClient = (client: KafkaClientOptions = {}): void => {
  const { sasl, connectTimeout, requestTimeout } = client
  for (const [name, value] of Object.entries({ connectTimeout, requestTimeout })) {
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw new BuildError(`client.${name} must be milliseconds above 0; got ${value}.`)
    }
  }
  if (sasl !== undefined && !MECHANISMS.includes(sasl.mechanism)) {
    throw new BuildError(
      `client.sasl.mechanism must be one of ${MECHANISMS.join(', ')}; got "${String(sasl.mechanism)}".`,
    )
  }
}
