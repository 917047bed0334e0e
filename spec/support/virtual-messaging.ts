import type {
  ConnectionState,
  Entry,
  Messaging,
  Register,
  Subscription,
} from '../../cluster/messaging.ts'
import type { VirtualBroker, VirtualEnd } from '../../testing/virtual-broker.ts'
import type { VirtualProcess, VirtualRuntime } from '../../testing/virtual-runtime.ts'

/** After this, a request that was not answered has failed: milliseconds. */
const TIMEOUT = 1500

interface Bucket {
  readonly ttl: number
  readonly entries: Map<string, Entry & { readonly at: number }>
  revision: number
}

/** A server's registers: keys that age, and a number for each write. */
export class VirtualRegisters {
  readonly #runtime: VirtualRuntime
  readonly #buckets = new Map<string, Bucket>()

  constructor(runtime: VirtualRuntime) {
    this.#runtime = runtime
  }

  /** As a server that kept them in memory only and was started anew. */
  wipe(): void {
    this.#buckets.clear()
  }

  open(name: string, ttl: number): Bucket {
    const bucket = this.#buckets.get(name) ?? { ttl, entries: new Map(), revision: 0 }
    this.#buckets.set(name, bucket)
    return bucket
  }

  /** Does what is asked of a bucket, if it is still there. */
  on<T>(name: string, bucket: Bucket, work: () => T): T {
    if (this.#buckets.get(name) !== bucket) throw new Error(`There is no bucket ${name}.`)
    return work()
  }

  read(bucket: Bucket, key: string): Entry | null {
    const entry = bucket.entries.get(key)
    return entry === undefined || this.#runtime.elapsed - entry.at >= bucket.ttl ? null : entry
  }

  write(bucket: Bucket, key: string, value: string): number {
    bucket.revision += 1
    bucket.entries.set(key, { value, revision: bucket.revision, at: this.#runtime.elapsed })
    return bucket.revision
  }
}

/**
 * One process's connection to a virtual server: datagrams through a broker's weather, and requests
 * to its registers that may be late, or lost on their way there or back.
 */
export class VirtualMessaging implements Messaging {
  readonly maxPayload = 1024 * 1024
  readonly end: VirtualEnd
  readonly #world: VirtualRuntime
  readonly #process: VirtualProcess
  readonly #broker: VirtualBroker
  readonly #registers: VirtualRegisters

  constructor(
    process: VirtualProcess,
    on: {
      readonly world: VirtualRuntime
      readonly broker: VirtualBroker
      readonly registers: VirtualRegisters
    },
  ) {
    this.#process = process
    this.#world = on.world
    this.#broker = on.broker
    this.#registers = on.registers
    this.end = on.broker.transport(process)
  }

  get state(): ConnectionState {
    return this.end.alive ? 'up' : 'down'
  }

  publish(subject: string, bytes: Uint8Array): void {
    this.end.send(subject, bytes)
  }

  subscribe(subject: string, take: (bytes: Uint8Array, subject: string) => void): Subscription {
    return this.end.subscribe(subject, (bytes) => take(bytes, subject))
  }

  roundTrip(): Promise<void> {
    return this.#request(() => undefined)
  }

  onState(listen: (state: ConnectionState) => void): Subscription {
    return this.end.onUp(() => listen('up'))
  }

  async register(name: string, ttl: number): Promise<Register> {
    const bucket = await this.#request(() => this.#registers.open(name, ttl))
    const ask = <T>(work: () => T): Promise<T> =>
      this.#request(() => this.#registers.on(name, bucket, work))
    const read = (key: string): Entry | null => this.#registers.read(bucket, key)
    const write = (key: string, value: string): number => this.#registers.write(bucket, key, value)
    return {
      get: (key) => ask(() => read(key)),
      create: (key, value) => ask(() => (read(key) === null ? write(key, value) : null)),
      update: (key, value, revision) =>
        ask(() => (read(key)?.revision === revision ? write(key, value) : null)),
      put: (key, value) => ask(() => write(key, value)),
      delete: (key) => ask(() => void bucket.entries.delete(key)),
    }
  }

  async close(): Promise<void> {
    this.end.close()
  }

  /** Done by the server when it gets there, whether or not the answer comes back. */
  #request<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const { delay } = this.#broker.weather
      const isLost = (): boolean =>
        !this.end.alive || this.#world.random() < this.#broker.weather.loss
      this.#process.after(TIMEOUT, () => reject(new Error('The server has not answered.')))
      if (isLost()) return
      this.#world.after(delay * this.#world.random(), () => {
        if (isLost()) return
        const answer = attempt(work)
        if (isLost()) return
        this.#process.after(delay * this.#world.random(), () => {
          if (answer instanceof Failed) reject(answer.error)
          else resolve(answer)
        })
      })
    })
  }
}

class Failed {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

const attempt = <T>(work: () => T): T | Failed => {
  try {
    return work()
  } catch (error) {
    return new Failed(error)
  }
}
