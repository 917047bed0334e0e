import { Behavior } from '../actor/behavior.ts'
import type { TaskSpec } from '../flow/step.ts'
import { data, type Signal } from '../signal/signal.ts'
import type { TaskProcessor } from '../state/task.ts'
import { pairs } from './chain-behavior.ts'
import type { StepHost } from './step-host.ts'

/** A step that owes results: it holds progress back until they have come. */
export class TaskBehavior extends Behavior {
  readonly #processor: TaskProcessor

  constructor(spec: TaskSpec, host: StepHost) {
    super()
    const { around } = host
    this.#processor = spec.open({
      stepId: host.stepId,
      worker: around.worker,
      workers: around.workers,
      runtime: around.runtime,
      retry: host.tries,
      circuit: host.circuit(),
      emit: (epoch, values, keys = null) => {
        if (values.length > 0) this.send(data(0, epoch, keys, values))
      },
      pass: (signal) => this.send(signal),
      wake: () => around.wake(),
      fail: (failure) => host.fail(failure),
      crash: (error) => around.hold(Promise.reject(error)),
    })
  }

  override get full(): boolean {
    return this.#processor.full
  }

  override data(batch: Signal): void {
    this.#processor.onBatch(batch.epoch, pairs(batch.keys, batch.values))
  }

  override part(): void {}

  override watermark(signal: Signal): void {
    this.#processor.onProgress(signal)
  }

  override frontier(signal: Signal): void {
    this.#processor.onProgress(signal)
  }

  override end(signal: Signal): void {
    this.#processor.onProgress(signal)
  }

  override close(): void {
    this.#processor.close()
  }
}
