/**
 * Publishes to subjects of NATS.
 *
 * - **Partitions**: each worker publishes what reaches it.
 * - **Position**: none.
 * - **Delivery**: at most once for who listens: nobody else ever sees it, and what is on its way when
 *   the connection breaks is lost. A flow that resumes publishes again what came behind its last
 *   snapshot. Use JetStreamSink where that matters.
 * - **Back-pressure**: a batch waits until the server has taken the one before, or is back.
 * - **Needs**: the package `nats`.
 */

import { ConnectorError } from '../../lib/errors/errors.ts'
import { DynamicSink, StatelessSinkPartition } from '../../lib/flow/sink.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { NatsConnectionOptions } from './connection-options.ts'
import { type MessageOptions, messageOf } from './payload.ts'
import { SharedWire, shutOut, type Wire } from './wire.ts'

export interface NatsSinkOptions<T> extends NatsConnectionOptions, MessageOptions<T> {}

/**
 * Publishes each item as a message, at most once.
 *
 * @throws ConnectorError when no server can be used, the user may not publish, or a message is too large
 *
 * @example
 * ```ts
 * alerts.output('out', new NatsSink({ servers: 'nats://localhost', subject: 'alerts' }))
 * ```
 */
export class NatsSink<T = unknown> extends DynamicSink<T> {
  readonly #options: NatsSinkOptions<T>
  readonly #wire: SharedWire

  constructor(options: NatsSinkOptions<T>) {
    super()
    this.#options = options
    this.#wire = new SharedWire(options)
  }

  override async build(): Promise<StatelessSinkPartition<T>> {
    const wire = await this.#wire.take()
    return new Publisher(wire, this.#options, () => this.#wire.leave())
  }
}

class Publisher<T> extends StatelessSinkPartition<T> {
  readonly #wire: Wire
  readonly #options: MessageOptions<T>
  readonly #closed: () => Promise<void>
  readonly #listener: { end(): void }
  #failure: ConnectorError | null = null

  constructor(wire: Wire, options: MessageOptions<T>, closed: () => Promise<void>) {
    super()
    this.#wire = wire
    this.#listener = wire.onDenied(({ operation, failure }) => {
      if (operation === 'publish') this.#failure ??= failure
    })
    this.#options = options
    this.#closed = closed
  }

  override async writeBatch(items: T[]): Promise<void> {
    if (this.#wire.state !== 'up') await this.#back()
    for (const item of items) {
      const { subject, data, headers } = messageOf(item, this.#options, this.#wire.maxPayload)
      this.#wire.publish(subject, data, { headers })
    }
    try {
      await this.#wire.flush()
    } catch (error) {
      // What was on its way is lost, as promised; what follows waits for the connection.
      if (!(error instanceof ConnectorError && error.retryable)) throw error
    }
    // The server's no comes before its answer to the flush, and is told here a moment later.
    await new Promise<void>((resolve) => systemRuntime.soon(resolve))
    if (this.#failure !== null) throw this.#failure
  }

  override close(): Promise<void> {
    this.#listener.end()
    return this.#closed()
  }

  #back(): Promise<void> {
    if (this.#wire.state === 'closed') return Promise.reject(shutOut())
    return new Promise((resolve, reject) => {
      const state = this.#wire.onState((now) => {
        state.end()
        if (now === 'up') resolve()
        else reject(shutOut())
      })
    })
  }
}
