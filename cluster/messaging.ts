/**
 * What the cluster asks of a message broker: subjects, a register of keys that age, and word of how
 * the connection stands. One file, `nats.ts`, knows the driver behind it.
 */

/** Something that can be ended once. */
export interface Subscription {
  end(): void
}

/** How a connection stands; what was published and not delivered by then may be lost. */
export type ConnectionState = 'up' | 'down' | 'closed'

export interface Messaging {
  readonly state: ConnectionState
  /** The largest message, in bytes; may change with a reconnect. */
  readonly maxPayload: number
  /** Never blocks and may lose what it is given. The bytes belong to the connection afterwards. */
  publish(subject: string, bytes: Uint8Array): void
  /** The bytes that `take` is handed are only good until it returns. */
  subscribe(subject: string, take: (bytes: Uint8Array, subject: string) => void): Subscription
  /** Resolves when the server has answered; rejects when the connection goes down before. */
  roundTrip(): Promise<void>
  onState(listen: (state: ConnectionState) => void): Subscription
  /**
   * A register whose entries age.
   *
   * @param ttl - milliseconds after which an entry that was not renewed is gone
   * @throws ClusterError where the server keeps no registers
   */
  register(name: string, ttl: number): Promise<Register>
  close(): Promise<void>
}

/** An entry and the number of the write that made it; numbers only grow. */
export interface Entry {
  readonly value: string
  readonly revision: number
}

/** Keys that only one can write at a time: by the number of the last write. */
export interface Register {
  get(key: string): Promise<Entry | null>
  /** The new revision, or `null` where the key is there already. */
  create(key: string, value: string): Promise<number | null>
  /** The new revision, or `null` where somebody has written since `revision`. */
  update(key: string, value: string, revision: number): Promise<number | null>
  put(key: string, value: string): Promise<number>
  delete(key: string): Promise<void>
}
