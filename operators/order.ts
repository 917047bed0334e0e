import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { ProcessorContext } from '../lib/state/processor.ts'
import type { Clock } from './windowing/clock.ts'
import { TimeQueue } from './windowing/time-queue.ts'
import { TimedEntry, TimedKeys } from './windowing/timed-keys.ts'
import { placeTimed } from './windowing/timed-step.ts'

export interface OrderOptions<V> {
  readonly clock: Clock<V, unknown>
}

/**
 * Brings the values of each key into the order of their times.
 *
 * A value comes out when the watermark has reached its time, those of one time as they came. Values
 * wait until then, and are part of snapshots. One behind the watermark is late, and dropped: it could
 * not come out in order any more.
 *
 * @param id - the step's id
 * @param options - `clock`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError where the clock gives no time
 *
 * @example
 * ```ts
 * readings.pipe(order('by time', { clock: new WatermarkClock({ timestamp: (r) => r.at }) }))
 * ```
 */
export const order =
  <V>(
    id: string,
    options: OrderOptions<V>,
    state: StateOptions = {},
  ): Operator<KeyedStream<V>, KeyedStream<V>> =>
  (up) => {
    const { clock } = options
    const open = (context: ProcessorContext) => new Ordering({ clock, role: 'order' }, context)
    return placeTimed({ id, operator: 'order', clock, state, open }, [up]) as KeyedStream<V>
  }

class OrderEntry extends TimedEntry {
  readonly queue: TimeQueue<unknown> = new TimeQueue()
}

type StoredQueue = readonly (readonly [time: number, value: unknown])[]

class Ordering extends TimedKeys<OrderEntry> {
  override take(entry: OrderEntry, _input: number, value: unknown, time: number): void {
    entry.queue.push(time, value)
  }

  override advance(entry: OrderEntry, watermark: number): void {
    const { queue } = entry
    while (queue.size > 0 && queue.firstTime <= watermark) this.emit(entry.$key, queue.shift())
  }

  override deadline(entry: OrderEntry): number {
    return entry.queue.firstTime
  }

  override isEmpty(entry: OrderEntry): boolean {
    return entry.queue.size === 0
  }

  protected override newEntry(): OrderEntry {
    return new OrderEntry()
  }

  protected override stateOf(entry: OrderEntry): StoredQueue {
    return entry.queue.entries()
  }

  protected override resume(entry: OrderEntry, queue: StoredQueue): void {
    for (const [time, value] of queue) entry.queue.push(time, value)
  }
}
