import { BuildError } from '../../lib/errors/errors.ts'
import { preview } from '../../lib/errors/preview.ts'
import { WindowLogic } from './window-logic.ts'
import type { BuildLogic } from './window-plan.ts'

/** What a window's values are collected into. */
export type CollectInto = 'array' | 'set' | 'map'

/**
 * Windows that keep all their values.
 *
 * @throws BuildError where `into` names no collection
 */
export const collectLogic = (into: CollectInto, operator: string): BuildLogic<unknown, unknown> => {
  switch (into) {
    case 'array':
      return (resume) => new CollectLogic(itemsOf(resume), (items) => items)
    case 'set':
      return (resume) => new CollectLogic(itemsOf(resume), (items) => new Set(items))
    case 'map':
      return (resume) => new CollectPairsLogic(itemsOf(resume), operator)
    default:
      throw new BuildError(
        `${operator}: into is ${preview(into)}; it must be 'array', 'set' or 'map'.`,
      )
  }
}

const itemsOf = (resume: unknown): unknown[] => [...((resume ?? []) as readonly unknown[])]

/** Values in the order they were applied; what a merged window held comes after. */
class CollectLogic extends WindowLogic<unknown, unknown, readonly unknown[]> {
  readonly items: unknown[]
  readonly #collection: (items: unknown[]) => unknown

  constructor(items: unknown[], collection: (items: unknown[]) => unknown) {
    super()
    this.items = items
    this.#collection = collection
  }

  override onValue(value: unknown): Iterable<never> {
    this.items.push(value)
    return NOTHING
  }

  override onMerge(other: this): Iterable<never> {
    for (const item of other.items) this.items.push(item)
    return NOTHING
  }

  override onClose(): Iterable<unknown> {
    return [this.#collection(this.items)]
  }

  override snapshot(): readonly unknown[] {
    return this.items
  }
}

class CollectPairsLogic extends CollectLogic {
  readonly #operator: string

  constructor(items: unknown[], operator: string) {
    super(items, (pairs) => new Map(pairs as [unknown, unknown][]))
    this.#operator = operator
  }

  override onValue(value: unknown): Iterable<never> {
    if (Array.isArray(value) && value.length === 2) return super.onValue(value)
    throw new TypeError(
      `${this.#operator}: into 'map' needs [key, value] pairs; got ${preview(value)}.`,
    )
  }
}

const NOTHING: readonly never[] = []
