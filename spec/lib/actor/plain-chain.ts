import type { Stage } from '../../../lib/actor/chain-loop.ts'

export type Op = Stage['op']

/** An item between two stages; `key` is null where the stream has none. */
export interface Item {
  readonly key: string | null
  readonly value: unknown
}

export interface Outcome {
  readonly kept: readonly Item[]
  readonly turnedDown: readonly Item[]
  /** What was passed over: at which stage, on which item of the batch. */
  readonly failed: readonly (readonly [stage: number, index: number])[]
  /** Every call of a callback with what it was given. */
  readonly calls: readonly string[]
}

const seen = (item: unknown): number => {
  const text = JSON.stringify(item)
  let sum = 7
  for (const char of text) sum = (sum * 31 + char.charCodeAt(0)) % 1009
  return sum
}

/** A callback of the right kind for an operation, decided by what it sees; now and then it throws. */
export const callbackOf = (op: Op, at: number, calls: string[]): Stage['callback'] => {
  const salt = at * 17
  return (...input: unknown[]) => {
    const item = op === 'inspect' || op === 'inspectDebug' ? input[1] : input[0]
    calls.push(`${at}:${JSON.stringify(input)}`)
    const sum = seen(item) + salt
    if (sum % 11 === 0) throw new Error(`stage ${at}`)
    return resultOf(op, sum, item)
  }
}

const resultOf = (op: Op, sum: number, item: unknown): unknown => {
  switch (op) {
    case 'map':
    case 'mapValue':
      return sum % 5 === 0 ? [`k${sum % 3}`, sum] : sum
    case 'filter':
    case 'filterValue':
    case 'branch':
      return sum % 13 === 0 ? 'no boolean' : sum % 3 !== 0
    case 'filterMap':
    case 'filterMapValue':
      return sum % 3 === 0 ? null : sum % 3 === 1 ? undefined : sum
    case 'flatMap':
    case 'flatMapValue':
      return sum % 13 === 0 ? 13 : several(sum)
    case 'keyOn':
      return sum % 13 === 0 ? 13 : `k${sum % 4}`
    default:
      return item
  }
}

function* several(sum: number): Generator<number> {
  for (let n = 0; n < sum % 4; n++) {
    if ((sum + n) % 19 === 0) throw new Error('half-way')
    yield sum + n
  }
}

/** What the loops must do, item by item and stage by stage, as plainly as it can be said. */
export const interpret = (
  stages: readonly Stage[],
  items: readonly Item[],
  calls: string[],
): Outcome => {
  const kept: Item[] = []
  const turnedDown: Item[] = []
  const failed: [number, number][] = []
  let at = 0
  const run = (from: number, item: Item, yes: Item[], no: Item[]): void => {
    const stage = stages[from]
    if (stage === undefined) return void yes.push(item)
    at = from
    for (const next of apply(stage, item, no)) {
      run(from + 1, next, yes, no)
      at = from
    }
  }
  items.forEach((item, index) => {
    const yes: Item[] = []
    const no: Item[] = []
    try {
      run(0, item, yes, no)
      kept.push(...yes)
      turnedDown.push(...no)
    } catch {
      failed.push([at, index])
    }
  })
  return { kept, turnedDown, failed, calls }
}

function* apply(
  { op, callback, stepId }: Stage,
  { key, value }: Item,
  no: Item[],
): Generator<Item> {
  const whole = key === null ? value : [key, value]
  const truth = (result: unknown): boolean => {
    if (typeof result !== 'boolean') throw new TypeError('no boolean')
    return result
  }
  switch (op) {
    case 'map':
      return yield { key: null, value: callback(whole) }
    case 'mapValue':
      return yield { key, value: callback(value) }
    case 'filter':
      if (truth(callback(whole))) yield { key, value }
      return
    case 'filterValue':
      if (truth(callback(value))) yield { key, value }
      return
    case 'filterMap':
    case 'filterMapValue': {
      const result = callback(op === 'filterMap' ? whole : value)
      if (result !== null && result !== undefined) {
        yield { key: op === 'filterMap' ? null : key, value: result }
      }
      return
    }
    case 'flatMap':
    case 'flatMapValue': {
      const results = callback(op === 'flatMap' ? whole : value) as Iterable<unknown>
      for (const result of results) yield { key: op === 'flatMap' ? null : key, value: result }
      return
    }
    case 'inspect':
      callback(stepId, whole)
      return yield { key, value }
    case 'inspectDebug':
      callback(stepId, whole, 3, 1)
      return yield { key, value }
    case 'keyOn': {
      const made = callback(whole)
      if (typeof made !== 'string') throw new TypeError('no key')
      return yield { key: made, value: whole }
    }
    case 'keyed':
      if (!Array.isArray(whole) || whole.length !== 2 || typeof whole[0] !== 'string') {
        throw new TypeError('no pair')
      }
      return yield { key: whole[0], value: whole[1] }
    case 'keyRm':
      return yield { key: null, value }
    case 'branch':
      if (truth(callback(whole))) yield { key, value }
      else no.push({ key, value })
  }
}
