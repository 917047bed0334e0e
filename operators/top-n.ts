import { BuildError } from '../lib/errors/errors.ts'
import { positiveCount } from '../lib/flow/options.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { Entry } from '../lib/state/entry.ts'
import { KeyTable } from '../lib/state/key-table.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { functionOption, keyedStep } from './keyed-step.ts'
import { checkRank, type Rank } from './rank.ts'

export interface TopNOptions<V> extends StateOptions<readonly V[]> {
  /**
   * When lists come out: at the end of input, or with each change of one.
   * @defaultValue 'final'
   */
  readonly emit?: 'final' | 'change'
}

type AnyBy = (value: unknown) => Rank

/** Items a batch at the end of input, so that no batch is as large as the state. */
const BATCH = 4096

/**
 * Keeps the `n` greatest values of each key, the greatest first; of equal ones the earlier stand
 * before the later.
 *
 * `final` emits the list of every key when the input has ended, in the order of the keys, and forgets
 * them. `change` emits the list of a key whenever a value gets into it, and keeps it through the end
 * of input. The lists are part of snapshots.
 *
 * @param id - the step's id
 * @param n - how many values to keep of a key, at least 1
 * @param by - what values are compared by: a number, bigint, string or date
 * @param options - `emit`, and `ttl`, `codec`, `version`, `migrate`
 * @throws StepError with what `by` throws, or when it gives something that can't be compared
 *
 * @example
 * ```ts
 * keyed.pipe(topN('best', 2, (n) => n)) // ['a', 1], ['a', 3], ['a', 2] => ['a', [3, 2]]
 * ```
 */
export const topN = <V>(
  id: string,
  n: number,
  by: (value: V) => Rank,
  options: TopNOptions<V> = {},
): Operator<KeyedStream<V>, KeyedStream<V[]>> => {
  positiveCount(`topN "${id}": n`, n)
  functionOption(id, 'by', by)
  const { emit = 'final' } = options
  if (emit !== 'final' && emit !== 'change') {
    throw new BuildError(
      `topN "${id}": emit is ${JSON.stringify(emit)}; it must be 'final' or 'change'.`,
    )
  }
  return keyedStep({
    id,
    operator: 'topN',
    options,
    retryable: true,
    open: (context) => new Ranking({ n, by: by as AnyBy, emit }, context),
  })
}

/** The greatest values of one key, and what they are compared by. */
class Ranked extends Entry {
  readonly values: unknown[] = []
  readonly ranks: Rank[] = []
}

class Ranking implements Processor {
  readonly table: KeyTable<Ranked>
  readonly #n: number
  readonly #by: AnyBy
  readonly #emit: 'final' | 'change'
  readonly #context: ProcessorContext

  constructor(
    shape: { readonly n: number; readonly by: AnyBy; readonly emit: 'final' | 'change' },
    context: ProcessorContext,
  ) {
    this.#n = shape.n
    this.#by = shape.by
    this.#emit = shape.emit
    this.#context = context
    this.table = new KeyTable({
      make: (key, resume) => this.#resume(key, resume as readonly unknown[] | null),
      snapshot: (ranked) => ranked.values,
    })
  }

  onBatch(keys: readonly string[], values: readonly unknown[]): void {
    const outKeys: string[] = []
    const outValues: unknown[] = []
    for (let at = 0; at < values.length; at++) {
      const key = keys[at] as string
      const value = values[at]
      try {
        const rank = this.#by(value)
        checkRank(rank)
        const ranked = this.#rank(key, value, rank)
        if (ranked === null || this.#emit === 'final') continue
        outKeys.push(key)
        outValues.push([...ranked.values])
      } catch (error) {
        this.#context.fail({ callback: 'by', error, key, item: value })
      }
    }
    this.#context.emit(0, outKeys, outValues)
  }

  onEnd(): void {
    if (this.#emit !== 'final') return
    const sorted = [...this.table.entries.keys()].sort()
    for (let from = 0; from < sorted.length; from += BATCH) {
      const keys = sorted.slice(from, from + BATCH)
      const values = keys.map((key) => {
        const ranked = this.table.entries.get(key) as Ranked
        this.table.remove(ranked)
        return ranked.values
      })
      this.#context.emit(0, keys, values)
    }
  }

  /** The key's list where the value got into it. */
  #rank(key: string, value: unknown, rank: Rank): Ranked | null {
    const known = this.table.entries.get(key)
    if (known !== undefined) {
      const { ranks } = known
      if (ranks.length >= this.#n && !(rank > (ranks[this.#n - 1] as Rank))) return null
      this.table.touch(known)
    }
    const ranked = known ?? this.table.add(key)
    insert(ranked, value, rank)
    if (ranked.values.length > this.#n) {
      ranked.values.pop()
      ranked.ranks.pop()
    }
    return ranked
  }

  #resume(key: string, values: readonly unknown[] | null): Ranked {
    const ranked = new Ranked()
    for (const value of values ?? []) {
      try {
        const rank = this.#by(value)
        checkRank(rank)
        insert(ranked, value, rank)
      } catch (error) {
        this.#context.fail({ callback: 'by', error, key })
      }
    }
    ranked.values.length = Math.min(ranked.values.length, this.#n)
    ranked.ranks.length = ranked.values.length
    return ranked
  }
}

const insert = ({ values, ranks }: Ranked, value: unknown, rank: Rank): void => {
  let low = 0
  let high = ranks.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (rank > (ranks[middle] as Rank)) high = middle
    else low = middle + 1
  }
  values.splice(low, 0, value)
  ranks.splice(low, 0, rank)
}
