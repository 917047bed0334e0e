import { ownCopy } from '../lib/actor/own-copy.ts'
import { preview } from '../lib/errors/preview.ts'
import { placeStep } from '../lib/flow/operator.ts'
import type { KeyedSpec, StateOptions } from '../lib/flow/step.ts'
import type { Operator, Stream } from '../lib/flow/stream.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { withTtl } from '../lib/state/ttl.ts'
import { ValueTable } from '../lib/state/value-table.ts'
import { functionOption, ttlOf } from './keyed-step.ts'
import type { Sync } from './sync.ts'

type AnyMapper = (item: unknown, lookup: (key: string) => unknown) => unknown

const MAIN = 0

/**
 * Looks items up in what another stream has said last.
 *
 * Every worker keeps the newest value of each key of `side`; an item meets the values that have
 * arrived before it, which the two streams alone do not decide: with a side that must be there
 * first, use `join`. What is kept is part of snapshots and bounded by `ttl`, which counts from a
 * key's last value on the side.
 *
 * @param id - the step's id
 * @param side - pairs of key and value, copied to every worker
 * @param mapper - called once an item, in order, with a function that gives a key's value, or
 *   `undefined`
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what `mapper` throws, or when an item of the side is no pair with a string
 *   key
 *
 * @example
 * ```ts
 * orders.pipe(sideInput('euros', rates, (order, rate) => order.price * (rate(order.currency) ?? 1)))
 * ```
 */
export const sideInput =
  <T, S, R>(
    id: string,
    side: Stream<readonly [string, S]>,
    mapper: (item: T, lookup: (key: string) => S | undefined) => R & Sync<R>,
    options: StateOptions<S> = {},
  ): Operator<Stream<T>, Stream<R>> =>
  (up) => {
    functionOption(id, 'mapper', mapper)
    const ttl = ttlOf({ id, operator: 'sideInput', options })
    const spec: KeyedSpec = {
      kind: 'keyed',
      outputs: 1,
      retryable: true,
      options: options as StateOptions,
      arrivals: ['local', 'all'],
      replicated: true,
      open: (context) => new SideInput(mapper as AnyMapper, ttl, context),
    }
    const shape = { id, operator: 'sideInput', gives: 'unkeyed', spec } as const
    return placeStep(shape, [up, side])[0] as Stream<R>
  }

class SideInput implements Processor {
  readonly table: ValueTable<unknown> = new ValueTable()
  readonly #context: ProcessorContext
  readonly #map: (keys: readonly string[] | null, values: readonly unknown[]) => void
  /** What keeps the side; items of the main stream do not make a key of it any younger. */
  readonly #side: Processor

  constructor(mapper: AnyMapper, ttl: number | null, context: ProcessorContext) {
    this.#context = context
    this.#map = ownCopy(loop, context.stepId)(this.table, mapper, context)
    const side: Processor = {
      table: this.table,
      onBatch: (keys, values) => keep(this.table, keys, values),
    }
    this.#side = ttl === null ? side : withTtl(side, ttl, context)
  }

  onBatch(keys: readonly string[] | null, values: readonly unknown[], input: number): void {
    if (input === MAIN) this.#map(keys, values)
    else if (keys !== null) this.#side.onBatch(keys, values, input)
    else this.#keepPairs(values)
  }

  onWatermark(time: number): void {
    this.#side.onWatermark?.(time)
  }

  nextTimer(): number {
    return this.#side.nextTimer?.() ?? Number.POSITIVE_INFINITY
  }

  onTimer(now: number): void {
    this.#side.onTimer?.(now)
  }

  onLoaded(): void {
    this.#side.onLoaded?.()
  }

  #keepPairs(pairs: readonly unknown[]): void {
    const keys: string[] = []
    const values: unknown[] = []
    for (const pair of pairs) {
      if (Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string') {
        keys.push(pair[0])
        values.push(pair[1])
        continue
      }
      const error = new TypeError(
        `the side must give pairs of a string key and a value; got ${preview(pair)}`,
      )
      this.#context.fail({ callback: 'side', error, item: pair })
    }
    this.#side.onBatch(keys, values, 1)
  }
}

/** The loop of one step; self-contained, so that each step has its own copy (see `ownCopy`). */
const loop = (table: ValueTable<unknown>, mapper: AnyMapper, context: ProcessorContext) => {
  const { slots, states } = table
  const lookup = (key: string): unknown => {
    const slot = slots.get(key)
    return slot === undefined ? undefined : states[slot]
  }
  return (keys: readonly string[] | null, values: readonly unknown[]): void => {
    const out: unknown[] = []
    for (let at = 0; at < values.length; at++) {
      const item = keys === null ? values[at] : [keys[at], values[at]]
      try {
        const result = mapper(item, lookup)
        if (result instanceof Promise) {
          throw new TypeError(
            'it returned a promise, which this step does not wait for; use mapAsync',
          )
        }
        out.push(result)
      } catch (error) {
        context.fail({ callback: 'mapper', error, item })
      }
    }
    context.emit(0, null, out)
  }
}

const keep = (
  table: ValueTable<unknown>,
  keys: readonly string[],
  values: readonly unknown[],
): void => {
  for (let at = 0; at < values.length; at++) {
    const key = keys[at] as string
    const slot = table.slots.get(key)
    if (slot === undefined) {
      table.add(key, values[at])
    } else {
      table.touch(slot)
      table.states[slot] = values[at]
    }
  }
}
