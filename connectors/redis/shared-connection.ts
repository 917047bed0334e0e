import { BuildError } from '../../lib/errors/errors.ts'
import { type Connection, openConnection, type RedisConnectionOptions } from './driver.ts'

/** One connection for all slots of a sink; the last one shuts the door. */
export class SharedConnection {
  readonly #options: RedisConnectionOptions
  #connection: Promise<Connection> | null = null
  #users = 0

  constructor(options: RedisConnectionOptions) {
    this.#options = options
  }

  async take(): Promise<Connection> {
    this.#users += 1
    this.#connection ??= openConnection(this.#options)
    const opened = this.#connection
    try {
      return await opened
    } catch (error) {
      this.#users -= 1
      if (this.#connection === opened) this.#connection = null
      throw error
    }
  }

  async leave(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    const connection = await this.#connection
    this.#connection = null
    connection?.close()
  }
}

/** @throws BuildError for what is no address of a Redis server */
export const checkedUrl = (url: string): string => {
  if (URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol)) return url
  throw new BuildError('url must be an address that begins with redis:// or rediss://.')
}
