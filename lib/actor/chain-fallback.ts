import {
  type ChainLoop,
  type LoopHost,
  type LoopOutput,
  objections,
  type Stage,
} from './chain-loop.ts'

/**
 * The same loop without generated code, for places that forbid it: the stages composed as closures,
 * two to four times slower.
 */
export const composeLoop = (stages: readonly Stage[], keyed: boolean): ChainLoop => {
  const pass = new Pass(keyed)
  let next: Take = (key, value) => pass.keep(key, value)
  for (let at = stages.length - 1; at >= 0; at--) next = link(pass, at, stages[at] as Stage, next)
  return (keys, values, host, out) => pass.run(keys, values, host, out, next)
}

type Take = (key: string | null, value: unknown) => void

class Pass {
  at = 0
  epoch = 0
  worker = 0
  #keys: (string | null)[] = []
  #values: unknown[] = []
  #otherKeys: (string | null)[] = []
  #otherValues: unknown[] = []
  readonly #keyed: boolean

  constructor(keyed: boolean) {
    this.#keyed = keyed
  }

  keep(key: string | null, value: unknown): void {
    this.#keys.push(key)
    this.#values.push(value)
  }

  turnDown(key: string | null, value: unknown): void {
    this.#otherKeys.push(key)
    this.#otherValues.push(value)
  }

  run(
    keys: readonly string[] | null,
    values: readonly unknown[],
    host: LoopHost,
    out: LoopOutput,
    take: Take,
  ): void {
    this.epoch = host.epoch
    this.worker = host.worker
    for (let index = 0; index < values.length; index++) {
      const kept = this.#values.length
      const others = this.#otherValues.length
      try {
        take(this.#keyed && keys !== null ? (keys[index] as string) : null, values[index])
      } catch (error) {
        this.#cut(kept, others)
        host.fail(this.at, error, index)
      }
    }
    out.keys = this.#strings(this.#keys)
    out.values = this.#values
    out.otherKeys = this.#strings(this.#otherKeys)
    out.otherValues = this.#otherValues
    this.#keys = []
    this.#values = []
    this.#otherKeys = []
    this.#otherValues = []
  }

  #cut(kept: number, others: number): void {
    this.#keys.length = kept
    this.#values.length = kept
    this.#otherKeys.length = others
    this.#otherValues.length = others
  }

  #strings(keys: (string | null)[]): string[] | null {
    return keys.length > 0 && keys[0] !== null ? (keys as string[]) : null
  }
}

const link = (pass: Pass, at: number, stage: Stage, next: Take): Take => {
  const { callback: f, stepId, op } = stage
  const item = (key: string | null, value: unknown): unknown =>
    key === null ? value : [key, value]
  const call = (...input: unknown[]): unknown => {
    pass.at = at
    const result = f(...input)
    if (result instanceof Promise) objections.promise()
    return result
  }
  const test = (result: unknown): boolean =>
    result === true || (result !== false && objections.notBoolean(result))
  const each = (values: unknown, take: (value: unknown) => void): void => {
    if (!isIterable(values)) return objections.notIterable(values)
    for (const value of values) {
      take(value)
      pass.at = at
    }
  }
  const given = (value: unknown): boolean => value !== null && value !== undefined
  switch (op) {
    case 'map':
      return (k, v) => next(null, call(item(k, v)))
    case 'mapValue':
      return (k, v) => next(k, call(v))
    case 'filter':
      return (k, v) => void (test(call(item(k, v))) && next(k, v))
    case 'filterValue':
      return (k, v) => void (test(call(v)) && next(k, v))
    case 'filterMap':
      return (k, v) => {
        const result = call(item(k, v))
        if (given(result)) next(null, result)
      }
    case 'filterMapValue':
      return (k, v) => {
        const result = call(v)
        if (given(result)) next(k, result)
      }
    case 'flatMap':
      return (k, v) => each(call(item(k, v)), (value) => next(null, value))
    case 'flatMapValue':
      return (k, v) => each(call(v), (value) => next(k, value))
    case 'inspect':
      return (k, v) => {
        call(stepId, item(k, v))
        next(k, v)
      }
    case 'inspectDebug':
      return (k, v) => {
        call(stepId, item(k, v), pass.epoch, pass.worker)
        next(k, v)
      }
    case 'keyOn':
      return (k, v) => {
        const key = call(item(k, v))
        next(typeof key === 'string' ? key : objections.notKey(key), item(k, v))
      }
    case 'keyed':
      return (k, v) => {
        pass.at = at
        const pair = item(k, v)
        if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string') {
          return objections.notPair(pair)
        }
        next(pair[0], pair[1])
      }
    case 'keyRm':
      return (_, v) => next(null, v)
    case 'branch':
      return (k, v) => (test(call(item(k, v))) ? next(k, v) : pass.turnDown(k, v))
  }
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  value !== null &&
  (typeof value === 'object' || typeof value === 'string') &&
  typeof (value as Iterable<unknown>)[Symbol.iterator] === 'function'
