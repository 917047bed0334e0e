/** Where the servers are, and who we are to them. */
export interface NatsConnectionOptions {
  /** `nats://host:4222`, several of them, or a list with commas; may hold `user:password@`. */
  readonly servers: string | readonly string[]
  readonly user?: string
  readonly pass?: string
  readonly token?: string
  /** Seed of an nkey, `SU...`. */
  readonly nkeySeed?: string
  /** Path of a credentials file. */
  readonly creds?: string
  readonly tls?: {
    readonly caFile?: string
    readonly certFile?: string
    readonly keyFile?: string
    readonly handshakeFirst?: boolean
  }
  /** Where replies come, for users that may not read others'. @defaultValue `_INBOX` */
  readonly inboxPrefix?: string
}

/** The list that `nats://a:4222,nats://b:4222` stands for. */
export const serverList = (servers: string | readonly string[]): readonly string[] =>
  (typeof servers === 'string' ? [servers] : servers)
    .flatMap((each) => each.split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '')

/** A server's URL as it may be shown. */
export const withoutSecrets = (server: string): string => server.replace(/\/\/[^@/]*@/, '//')
