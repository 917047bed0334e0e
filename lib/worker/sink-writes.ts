import { AbortExecution, ConnectorError } from '../errors/errors.ts'
import type { Timer } from '../runtime/runtime.ts'
import type { Circuit } from '../state/circuit.ts'
import type { Tries } from '../state/task.ts'
import type { StepHost } from './step-host.ts'

/** Items to be written, with what is known of them. */
export interface SinkBatch {
  readonly items: readonly unknown[]
  readonly keys: readonly string[] | null
  /** The partition of the sink, where it has some. */
  readonly sinkPart?: string
  /** The source partition that they come from, where that is known. */
  readonly from: { readonly stepId: string; readonly name: string } | null
  readonly write: (items: unknown[]) => void | Promise<void>
}

/**
 * Writes batches to a sink under the error policy of its step.
 *
 * W1. Under `retry` a failed batch is written again as a whole, as often as the policy says.
 * W2. Under `skip` and `deadLetter` a batch that still fails is halved until the items at fault stand
 *     alone, and these are passed over; so an item may be written again that a failed write had
 *     already taken.
 * W3. Nothing is written without the lease.
 * W4. A ConnectorError that says `retryable` is the destination's fault and never an item's.
 */
export class SinkWrites {
  readonly #host: StepHost
  readonly #tries: Tries | null
  readonly #circuit: Circuit | null
  readonly careful: boolean
  #timer: Timer | null = null

  constructor(host: StepHost) {
    this.#host = host
    this.#tries = host.tries
    this.#circuit = host.circuit()
    this.careful = host.passesOver || this.#tries !== null
  }

  /** Writes a batch; the actor is held until that is through. */
  write(batch: SinkBatch): void {
    const { hold, lease } = this.#host.around
    lease.check()
    if (this.#circuit !== null && !this.#circuit.enter()) {
      hold(this.#goOn(batch, null))
      return
    }
    const { spans } = this.#host.around
    const traced = spans?.recording === true
    const began = traced ? spans.now() : 0
    let written: void | Promise<void>
    try {
      // A policy may need the batch again, whatever the sink does to what it is given.
      written = batch.write(this.careful ? batch.items.slice() : (batch.items as unknown[]))
    } catch (thrown) {
      hold(this.#goOn(batch, { thrown }))
      return
    }
    const work = { kind: 'write', began, items: batch.items.length, part: batch.sinkPart } as const
    if (written instanceof Promise) {
      hold(
        (traced ? this.#host.traced(written, work) : written).then(
          () => this.#circuit?.succeeded(),
          (thrown) => this.#goOn(batch, { thrown }),
        ),
      )
    } else {
      this.#circuit?.succeeded()
      if (traced) this.#host.trace(work)
    }
  }

  close(): void {
    this.#timer?.cancel()
    this.#circuit?.close()
  }

  async #goOn(batch: SinkBatch, first: Failed | null): Promise<void> {
    let failure = first ?? (await this.#attempt(batch))
    const { attempts, backoff } = this.#tries ?? { attempts: 1, backoff: 0 }
    for (let tried = 1; failure !== null; tried++) {
      this.#note(failure, batch)
      if (tried >= attempts) return this.#isolate(batch, failure.thrown)
      if (this.#circuit === null || this.#circuit.state === 'closed') {
        await this.#wait(backoff * 2 ** (tried - 1))
      }
      failure = await this.#attempt(batch)
    }
  }

  #note({ thrown }: Failed, { sinkPart }: SinkBatch): void {
    if (thrown instanceof AbortExecution) throw thrown
    const over = this.#circuit?.failed(thrown) ?? null
    if (over !== null) throw this.#host.outside('writeBatch', sinkPart, over)
  }

  /** Finds the items at fault (W2); throws where the policy knows no way round them. */
  async #isolate(batch: SinkBatch, error: unknown): Promise<void> {
    const away = error instanceof ConnectorError && error.retryable
    if (!this.#host.passesOver || away || error instanceof AbortExecution) {
      throw this.#host.outside('writeBatch', batch.sinkPart, error)
    }
    const { items, keys } = batch
    if (items.length === 1) {
      this.#passOver(batch, error)
      return
    }
    const half = Math.ceil(items.length / 2)
    const parts = [
      [0, half],
      [half, items.length],
    ] as const
    for (const [from, to] of parts) {
      const part = {
        ...batch,
        items: items.slice(from, to),
        keys: keys?.slice(from, to) ?? null,
      }
      await this.#host.around.lease.leased()
      const failure = await tryWrite(part)
      if (failure !== null) await this.#isolate(part, failure.thrown)
    }
  }

  #passOver({ items, keys, from }: SinkBatch, error: unknown): void {
    const key = keys?.[0]
    this.#host.fail({
      callback: 'writeBatch',
      error,
      item: items[0],
      ...(key === undefined ? {} : { key }),
      ...(from === null ? {} : { source: from.stepId, part: from.name }),
    })
  }

  async #attempt(batch: SinkBatch): Promise<Failed | null> {
    const circuit = this.#circuit
    while (circuit !== null && !circuit.enter()) {
      await new Promise<void>((resolve) => circuit.onChange(resolve))
    }
    await this.#host.around.lease.leased()
    const failure = await tryWrite(batch)
    if (failure === null) circuit?.succeeded()
    return failure
  }

  #wait(millis: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = this.#host.around.runtime.after(millis, resolve)
    })
  }
}

interface Failed {
  readonly thrown: unknown
}

const tryWrite = async ({ items, write }: SinkBatch): Promise<Failed | null> => {
  try {
    await write(items.slice())
    return null
  } catch (thrown) {
    return { thrown }
  }
}
