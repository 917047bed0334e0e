import { createHash } from 'node:crypto'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { WriteAheadPartition } from '../../lib/flow/sink.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { pause } from '../backoff.ts'
import { itemBytes, itsValue, jsonOf } from '../item-bytes.ts'
import { callFailed, isPassing, readLimited, refused, retryAfter } from './exchange.ts'
import type { HttpSinkOptions } from './http-sink.ts'

/** Items that a receiver does not take, and its words. */
export interface HttpRefusal<T> {
  readonly items: readonly T[]
  readonly status: number
  /** The first 1024 bytes of its answer. */
  readonly text: string
}

const SHOWN = 1024

/**
 * One slot of what is sent.
 *
 * K1. A request's key is made of where its first item lies (step, slot, epoch, index) and of the
 *     body: the items were kept before they were sent, so both are the same each time.
 * K2. Requests of a slot are sent one at a time, so a receiver sees them in order.
 */
export class HttpSlot<T> extends WriteAheadPartition<T> {
  readonly #options: HttpSinkOptions<T>
  readonly #batchSize: number
  readonly #timeout: number
  readonly #place: string
  readonly #runtime: Runtime
  readonly #closing = new AbortController()
  /** Items of an epoch that were sent, and answered. */
  #progress = { epoch: Number.NaN, sent: 0 }
  #notBefore = 0

  constructor(
    options: HttpSinkOptions<T>,
    ends: {
      readonly batchSize: number
      readonly timeout: number
      readonly place: string
      readonly runtime: Runtime
    },
  ) {
    super()
    this.#options = options
    this.#batchSize = ends.batchSize
    this.#timeout = ends.timeout
    this.#place = ends.place
    this.#runtime = ends.runtime
  }

  /** A receiver knows no executions: there is nothing to shut out. */
  override fence(): void {}

  override delivered(): null {
    return null
  }

  override async deliver(epoch: number, items: T[]): Promise<void> {
    if (this.#progress.epoch !== epoch) this.#progress = { epoch, sent: 0 }
    const progress = this.#progress
    while (progress.sent < items.length) {
      const batch = items.slice(progress.sent, progress.sent + this.#batchSize)
      await this.#send(batch, { epoch, index: progress.sent })
      progress.sent += batch.length
    }
  }

  override close(): void {
    this.#closing.abort()
  }

  async #send(
    items: readonly T[],
    { epoch, index }: { readonly epoch: number; readonly index: number },
  ): Promise<void> {
    const { url, method = 'POST', headers = {}, keyHeader = 'Idempotency-Key' } = this.#options
    await this.#wait()
    const body = this.#bodyOf(items)
    const key = createHash('sha256').update(`${this.#place}\n${epoch}\n${index}\n`).update(body)
    const response = await this.#call(url, {
      method,
      headers: {
        'Content-Type': this.#contentType(),
        ...headers,
        ...(keyHeader === null ? {} : { [keyHeader]: key.digest('hex') }),
      },
      body,
      // A redirect may turn what is sent into a question.
      redirect: 'manual',
    })
    if (response.ok) return void (await response.body?.cancel())
    await this.#refuse(response, items)
  }

  async #refuse(response: Response, items: readonly T[]): Promise<void> {
    const { url, onRefused } = this.#options
    const { status } = response
    const text = await readLimited(response, SHOWN, url).then(
      (bytes) => bytes.toString(),
      () => '',
    )
    if (isPassing(status)) {
      const now = this.#runtime.now()
      this.#notBefore = now + retryAfter(response.headers, now)
      throw refused(url, status, text)
    }
    if (onRefused === undefined) throw refused(url, status, text)
    await onRefused({ items, status, text })
  }

  async #call(url: string, request: RequestInit): Promise<Response> {
    const overdue = new AbortController()
    const timer = this.#runtime.after(this.#timeout, () =>
      overdue.abort(new Error(`no answer within ${this.#timeout} ms`)),
    )
    try {
      const signal = AbortSignal.any([overdue.signal, this.#closing.signal])
      return await fetch(url, { ...request, signal })
    } catch (error) {
      throw callFailed(url, error)
    } finally {
      timer.cancel()
    }
  }

  async #wait(): Promise<void> {
    const millis = this.#notBefore - this.#runtime.now()
    if (millis > 0) await pause(this.#runtime, millis, this.#closing.signal)
    if (!this.#closing.signal.aborted) return
    throw new ConnectorError('The sink is closed.', { retryable: true })
  }

  #bodyOf(items: readonly T[]): Uint8Array {
    const { data, format = 'json' } = this.#options
    const [first] = items
    if (this.#batchSize === 1 && first !== undefined) {
      return itemBytes(data === undefined ? itsValue(first) : data(first))
    }
    const texts = items.map((item) => this.#textOf(item))
    const text = format === 'json' ? `[${texts.join(',')}]` : `${texts.join('\n')}\n`
    return itemBytes(text)
  }

  #textOf(item: T): string {
    const { data } = this.#options
    return data === undefined
      ? jsonOf(itsValue(item))
      : Buffer.from(itemBytes(data(item))).toString()
  }

  #contentType(): string {
    const { contentType, format = 'json' } = this.#options
    if (contentType !== undefined) return contentType
    return this.#batchSize > 1 && format === 'ndjson' ? 'application/x-ndjson' : 'application/json'
  }
}
