import { connect, type JetStreamManager, type NatsConnection } from 'nats'
import { findNatsServer, INSTALL_NATS, LocalNats } from '../../cluster/nats-server.ts'

/** A server of the specs' own, with a client to look into it. */
export class NatsWorld {
  readonly server: LocalNats
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
  #made = 0

  private constructor(server: LocalNats, connection: NatsConnection, manager: JetStreamManager) {
    this.server = server
    this.connection = connection
    this.manager = manager
  }

  /** What a spec that needs a server is named where there is none. */
  static titled(title: string): string {
    return findNatsServer() === null ? `${title} (skipped: ${INSTALL_NATS})` : title
  }

  static get missing(): boolean {
    return findNatsServer() === null
  }

  static async make(): Promise<NatsWorld> {
    const server = await LocalNats.start()
    const connection = await connect({
      servers: server.url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    })
    return new NatsWorld(server, connection, await connection.jetstreamManager())
  }

  get url(): string {
    return this.server.url
  }

  /** A name that no spec had before. */
  name(): string {
    this.#made += 1
    return `s${this.#made}`
  }

  /** A new stream of subjects under its name; with messages, if there are any. */
  async stream(
    messages: readonly (readonly [subject: string, text: string])[] = [],
    config: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const name = this.name()
    await this.manager.streams.add({ name, subjects: [`${name}.>`], ...config })
    const jetstream = this.connection.jetstream()
    for (const [subject, text] of messages) await jetstream.publish(`${name}.${subject}`, text)
    return name
  }

  /** Whether the server has atomic batches: since 2.12. */
  allowsAtomic(): boolean {
    const [major = 0, minor = 0] = (this.connection.info?.version ?? '').split('.').map(Number)
    return major > 2 || (major === 2 && minor >= 12)
  }

  /** Everything a stream holds. */
  async held(
    stream: string,
  ): Promise<readonly { readonly subject: string; readonly text: string }[]> {
    const { state } = await this.manager.streams.info(stream)
    const held: { subject: string; text: string }[] = []
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const message = await this.manager.streams.getMessage(stream, { seq })
      held.push({ subject: message.subject, text: new TextDecoder().decode(message.data) })
    }
    return held
  }

  /** Resolves when the client has found the server again. */
  async back(): Promise<void> {
    // What was asked amid the reconnect may never be answered: the client gives up on it by itself.
    const asking = await this.connection.jetstreamManager({ timeout: 500, checkAPI: false })
    for (const until = Date.now() + 60_000; Date.now() < until; ) {
      const found = await asking.getAccountInfo().then(
        () => true,
        () => false,
      )
      if (found) return
    }
    throw new Error('the client did not find its nats-server again within a minute')
  }

  async remove(): Promise<void> {
    await this.connection.close()
    await this.server.stop()
  }
}
