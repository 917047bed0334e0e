import { Behavior } from '../actor/behavior.ts'
import type { DynamicSink, StatelessSinkPartition } from '../flow/sink.ts'
import { end, frontier, type Signal, SNAPSHOT_PORT } from '../signal/signal.ts'
import { pairs } from './chain-behavior.ts'
import { SinkWrites } from './sink-writes.ts'
import type { StepHost } from './step-host.ts'

/**
 * A sink without positions: each worker writes what lands on it.
 *
 * It passes an epoch on only when everything of it has been written, so nothing is committed that
 * a sink has not taken.
 */
export class SinkBehavior extends Behavior {
  readonly #host: StepHost
  readonly #sink: DynamicSink<unknown>
  #partition: StatelessSinkPartition<unknown> | null = null
  /** Whether the batches are also seen by others, so that user code must not own them. */
  readonly #shared: boolean
  readonly #writes: SinkWrites

  constructor(
    sink: DynamicSink<unknown>,
    ends: { readonly host: StepHost; readonly shared: boolean },
  ) {
    super()
    this.#sink = sink
    this.#host = ends.host
    this.#shared = ends.shared
    this.#writes = new SinkWrites(ends.host)
  }

  /** Opens the sink; the actor takes nothing before it is open. */
  async open(): Promise<void> {
    const { worker, workers } = this.#host.around
    this.#partition = await this.#host.open('build', undefined, () =>
      this.#sink.build(this.#host.stepId, worker, workers),
    )
  }

  override data(batch: Signal): void {
    const items = batch.keys === null ? batch.values : pairs(batch.keys, batch.values)
    const own = this.#shared && batch.keys === null ? items.slice() : (items as unknown[])
    this.#writes.write({
      items: own,
      keys: batch.keys,
      from: batch.part,
      write: (given) => this.#partition?.writeBatch(given),
    })
  }

  override part(): void {}

  override frontier(signal: Signal): void {
    this.send(frontier(signal.epoch, SNAPSHOT_PORT))
    this.send(signal)
  }

  override end(signal: Signal): void {
    this.send(end(signal.time, signal.halted, SNAPSHOT_PORT))
    this.send(signal)
  }

  override stopping(): void {
    try {
      this.#partition?.stopping?.()
    } catch (error) {
      throw this.#host.outside('stopping', undefined, error)
    }
  }

  override async close(failed: Error | null): Promise<void> {
    this.#writes.close()
    const partition = this.#partition
    this.#partition = null
    if (partition === null) return
    await this.#host.call('close', undefined, () =>
      failed === null || partition.abandon === undefined ? partition.close() : partition.abandon(),
    )
  }
}
