import type { DurationLike } from '../time/time.ts'

/** Where the NATS servers are and how to get in; the names that NATS users know. */
export interface NatsOptions {
  /** One URL or several; one without a scheme is `nats://`. */
  readonly servers: string | readonly string[]
  readonly user?: string
  readonly pass?: string
  readonly token?: string
  /** The seed of an nkey, as `SU...`. */
  readonly nkeySeed?: string
  /** The path of a `.creds` file. */
  readonly creds?: string
  readonly tls?: NatsTls
  /** Under which replies come back; a private one keeps them from others. */
  readonly inboxPrefix?: string
}

export interface NatsTls {
  /** Paths of PEM files. */
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  readonly handshakeFirst?: boolean
}

/** This process's place among those that run a flow together, and the servers they meet at. */
export interface NatsPlace extends NatsOptions {
  /** The number of this process, from 0. */
  readonly process: number
  /** How many processes there are. */
  readonly count: number
  /**
   * How long a process may stay away before another one restores its recovery partitions from an archive
   * that commits wait for, and before those that were started anew go on without it where they can;
   * milliseconds or `{ minutes: 1 }`.
   * @defaultValue 30 s
   */
  readonly takeOverAfter?: DurationLike
}
