import { BuildError } from '../../lib/errors/errors.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { WriteAheadSink } from '../../lib/flow/sink.ts'
import type { RedisConnectionOptions } from './driver.ts'
import { type RedisCommand, RedisSlot } from './redis-slot.ts'
import { checkedUrl, SharedConnection } from './shared-connection.ts'

/** What all sinks to Redis take. */
export interface RedisSinkOptions extends RedisConnectionOptions {
  /** The hash that keeps how far each slot is. @defaultValue `tidemark_slots` */
  readonly markers?: string
  /** Bytes of items that may wait on each worker while Redis is away. @defaultValue 64 MiB */
  readonly stageBytes?: number
}

const STAGE_BYTES = 64 * 1024 * 1024

/** A sink whose slots turn items into commands. */
export abstract class RedisSink<T> extends WriteAheadSink<T> {
  override readonly stageBytes: number
  readonly #markers: string
  readonly #connection: SharedConnection
  #recovery = false

  constructor({ url, markers = 'tidemark_slots', stageBytes = STAGE_BYTES }: RedisSinkOptions) {
    super()
    if (markers === '') throw new BuildError('markers must be the name of a hash.')
    if (!(stageBytes > 0)) {
      throw new BuildError(`stageBytes must be more than 0; got ${stageBytes}.`)
    }
    this.stageBytes = stageBytes
    this.#markers = markers
    this.#connection = new SharedConnection({ url: checkedUrl(url) })
  }

  protected abstract readonly type: 'stream' | 'hash'

  protected abstract commands(items: readonly T[]): readonly RedisCommand[]

  override useRun({ recovery }: RunFacts): void {
    this.#recovery = recovery
  }

  override async build(
    stepId: string,
    slot: string,
    { execution }: { readonly execution: number },
  ): Promise<RedisSlot<T>> {
    return new RedisSlot<T>({
      connection: await this.#connection.take(),
      place: {
        step: stepId,
        slot,
        execution,
        markers: this.#markers,
        recovery: this.#recovery,
      },
      type: this.type,
      commands: (items) => this.commands(items),
      closed: () => this.#connection.leave(),
    })
  }
}
