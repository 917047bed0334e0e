/**
 * Writes items to standard output, a line each.
 *
 * - **Partitions**: none; every worker writes what reaches it.
 * - **Position**: none.
 * - **Delivery**: at least once: a resumed run prints again what followed the last committed epoch.
 * - **Back-pressure**: the next batch waits until the output has room.
 * - **Needs**: nothing beyond Node.
 */
import type { Writable } from 'node:stream'
import { inspect } from 'node:util'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { DynamicSink, StatelessSinkPartition } from '../../lib/flow/sink.ts'

export interface StdOutSinkOptions {
  /** Where the lines go instead. @defaultValue the process's standard output */
  readonly output?: Writable
}

/**
 * Prints each item on a line: text and numbers as they are, pairs and objects as JSON.
 *
 * In JSON a `Map` is its entries, a `Set` its members and a bigint its digits.
 *
 * @throws ConnectorError when the output was closed by its reader, as by `| head`
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable(['a', ['b', 2]])).output('print', new StdOutSink())
 * // prints: a
 * // prints: ["b",2]
 * ```
 */
export class StdOutSink<T = unknown> extends DynamicSink<T> {
  readonly #output: Writable | null

  constructor({ output }: StdOutSinkOptions = {}) {
    super()
    this.#output = output ?? null
  }

  override build(
    _stepId?: string,
    _workerIndex?: number,
    _workerCount?: number,
  ): StatelessSinkPartition<T> {
    return new StdOutPartition(this.#output ?? process.stdout)
  }
}

class StdOutPartition<T> extends StatelessSinkPartition<T> {
  readonly #output: Writable
  #failure: ConnectorError | null = null
  #settle: (() => void) | null = null

  constructor(output: Writable) {
    super()
    this.#output = output
    output.on('error', this.#onError)
    output.on('drain', this.#onDrain)
  }

  override async writeBatch(items: T[]): Promise<void> {
    if (items.length === 0) return
    this.#refuseClosed()
    let text = ''
    for (const item of items) text += `${lineOf(item)}\n`
    if (this.#output.write(text) === false) await this.#drained()
    this.#refuseClosed()
  }

  override async close(): Promise<void> {
    if (this.#output.writableNeedDrain) await this.#drained()
    await this.#leave()
    this.#refuseClosed()
  }

  /** A run that failed has its own error to tell. */
  override abandon(): Promise<void> {
    return this.#leave()
  }

  /** A broken pipe is told a turn after the write, and would end the process if no one listened. */
  async #leave(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#output.off('error', this.#onError)
    this.#output.off('drain', this.#onDrain)
  }

  #refuseClosed(): void {
    if (this.#failure !== null) throw this.#failure
    if (this.#output.destroyed) throw closedError(undefined)
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#failure !== null || this.#output.destroyed) resolve()
      else this.#settle = resolve
    })
  }

  readonly #onDrain = (): void => {
    const settle = this.#settle
    this.#settle = null
    settle?.()
  }

  readonly #onError = (cause: Error): void => {
    this.#failure ??= closedError(cause)
    this.#onDrain()
  }
}

const closedError = (cause: Error | undefined): ConnectorError => {
  const broken = cause === undefined || ('code' in cause && cause.code === 'EPIPE')
  return broken
    ? new ConnectorError(
        'Standard output was closed by its reader (EPIPE), so nothing more can be printed.',
        { cause },
      )
    : new ConnectorError(`Standard output can't be written: ${cause.message}`, { cause })
}

const lineOf = (item: unknown): string => {
  if (typeof item !== 'object' || item === null) return String(item)
  if (item instanceof Error) return String(item)
  try {
    return JSON.stringify(item, asPlain) ?? String(item)
  } catch {
    return inspect(item, { breakLength: Number.POSITIVE_INFINITY, compact: true })
  }
}

const asPlain = (_key: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Map || value instanceof Set) return [...value]
  return value
}
