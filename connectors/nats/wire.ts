import { ConnectorError } from '../../lib/errors/errors.ts'
import type { NatsConnectionOptions } from './connection-options.ts'
import { openWire } from './driver.ts'

export type WireState = 'up' | 'down' | 'closed'

export type HeaderPairs = readonly (readonly [name: string, value: string])[]

/** A message as it comes in. */
export interface Incoming {
  readonly subject: string
  /** Where an answer goes; empty where none is awaited. */
  readonly reply: string
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** What the server itself says; 0 for a message of somebody else. */
  readonly status: number
  readonly description: string
}

/** What the server does not let this client do, told some time after it was tried. */
export interface Denied {
  readonly operation: 'publish' | 'subscription'
  readonly subject: string
  readonly failure: ConnectorError
}

/** A connection to NATS, as the connector sees it: it comes back by itself until it is closed. */
export interface Wire {
  readonly state: WireState
  /** Bytes of the largest message, headers included. */
  readonly maxPayload: number
  /** A subject of one's own for answers. */
  inbox(): string
  /** Never waits; what the connection has not taken when it breaks is gone. */
  publish(
    subject: string,
    data: Uint8Array,
    more?: { readonly headers?: HeaderPairs; readonly reply?: string },
  ): void
  subscribe(subject: string, take: (message: Incoming) => void, queue?: string): { end(): void }
  /** Status 503 where nobody is there to answer. */
  request(subject: string, data: Uint8Array, headers?: HeaderPairs): Promise<Incoming>
  /** Resolves when the server has taken everything published before. */
  flush(): Promise<void>
  onState(listen: (state: WireState) => void): { end(): void }
  onDenied(listen: (denied: Denied) => void): { end(): void }
  close(): Promise<void>
}

/** One connection for all partitions of a source or slots of a sink; the last one shuts the door. */
export class SharedWire {
  readonly #options: NatsConnectionOptions
  #wire: Promise<Wire> | null = null
  #users = 0

  constructor(options: NatsConnectionOptions) {
    this.#options = options
  }

  async take(): Promise<Wire> {
    this.#users += 1
    this.#wire ??= openWire(this.#options)
    const opened = this.#wire
    try {
      return await opened
    } catch (error) {
      this.#users -= 1
      if (this.#wire === opened) this.#wire = null
      throw error
    }
  }

  async leave(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    const wire = await this.#wire
    this.#wire = null
    await wire?.close()
  }
}

/** What a source fails with when the driver gives up, which it does only where it is let in no more. */
export const shutOut = (): ConnectorError =>
  new ConnectorError(
    'The connection to NATS was closed for good: the server lets this user in no more. Look at the credentials, and start again.',
  )
