import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Connection, openConnection } from '../../connectors/redis/driver.ts'

/** The program: named in `TIDEMARK_REDIS_SERVER`, or found in PATH; `null` where there is none. */
export const redisProgram = (): string | null => {
  const program = process.env['TIDEMARK_REDIS_SERVER'] ?? 'redis-server'
  return spawnSync(program, ['--version']).status === 0 ? program : null
}

/** A server of its own that keeps all it acknowledges, and can be killed and started again. */
export class RedisServer {
  readonly port: number
  readonly #program: string
  readonly #dir: string
  #process: ChildProcess | null = null
  #looking: Connection | null = null

  private constructor(program: string, dir: string, port: number) {
    this.#program = program
    this.#dir = dir
    this.port = port
  }

  /** What a spec that needs a server is named where there is none. */
  static titled(title: string): string {
    return redisProgram() === null ? `${title} (skipped: apt-get install redis-server)` : title
  }

  static async make(): Promise<RedisServer> {
    const program = redisProgram()
    if (program === null) throw new Error('redis-server is not installed')
    const dir = mkdtempSync(join(tmpdir(), 'tidemark-redis-'))
    const server = new RedisServer(program, dir, await freePort())
    await server.start()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const settings = {
      port: this.port,
      bind: '127.0.0.1',
      dir: this.#dir,
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
    }
    const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    const child = spawn(this.#program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process = child
    await new Promise<void>((resolve, reject) => {
      let said = ''
      const hear = (chunk: Buffer): void => {
        said += String(chunk)
        if (said.includes('Ready to accept connections')) resolve()
      }
      child.stdout?.on('data', hear)
      child.stderr?.on('data', hear)
      child.once('exit', () => reject(new Error(said)))
    })
  }

  /** As `redis-cli` would: replies with text instead of bytes. */
  async ask(command: string, ...args: readonly (string | number)[]): Promise<unknown> {
    this.#looking ??= await openConnection({ url: this.url })
    return texts(await this.#looking.call(command, ...args))
  }

  /** The fields of a stream's entries. */
  async entries(stream: string): Promise<readonly (readonly string[])[]> {
    const found = (await this.ask('XRANGE', stream, '-', '+')) as [string, string[]][]
    return found.map(([, fields]) => fields)
  }

  /** `SIGKILL`. */
  async kill(): Promise<void> {
    this.#looking?.close()
    this.#looking = null
    const child = this.#process
    this.#process = null
    if (child === null || child.exitCode !== null) return
    await new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
      child.kill('SIGKILL')
    })
  }

  async remove(): Promise<void> {
    await this.kill()
    await rm(this.#dir, { recursive: true, force: true })
  }
}

const texts = (reply: unknown): unknown => {
  if (Buffer.isBuffer(reply)) return reply.toString()
  return Array.isArray(reply) ? reply.map(texts) : reply
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
