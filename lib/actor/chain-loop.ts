import type { Callback, StatelessOp } from '../flow/step.ts'
import { compile } from '../runtime/compile.ts'

/**
 * The loop of a run of stateless steps: one generated function, with the steps' callbacks called
 * inside a single pass over the batch, so that no array is made between two steps.
 *
 * G1. Callbacks of an item run in step order, items in batch order.
 * G2. An item on which a callback throws leaves nothing behind in the output.
 * G3. Nothing of the user's is ever part of the source text: callbacks come in as arguments.
 */

/** One step in the run. `branch` may only stand last. */
export interface Stage {
  readonly op: Exclude<StatelessOp, 'flatMapBatch'> | 'branch'
  readonly callback: Callback
  /** The step's full id. */
  readonly stepId: string
}

/** What the loop asks of its surroundings. */
export interface LoopHost {
  readonly epoch: number
  readonly worker: number
  /** A callback threw on the item at `index`; returns when the item is to be passed over. */
  fail(stage: number, error: unknown, index: number): void
}

/** The outcome of a pass; the second pair of arrays belongs to items that a branch turned down. */
export interface LoopOutput {
  keys: string[] | null
  values: unknown[]
  otherKeys: string[] | null
  otherValues: unknown[]
}

export type ChainLoop = (
  keys: readonly string[] | null,
  values: readonly unknown[],
  host: LoopHost,
  out: LoopOutput,
) => void

/** What the generated code calls when a callback gave back what it must not. */
export interface Objections {
  notBoolean(value: unknown): never
  notKey(value: unknown): never
  notPair(value: unknown): never
  notIterable(value: unknown): never
  promise(): never
}

type Factory = (
  callbacks: readonly Callback[],
  stepIds: readonly string[],
  objections: Objections,
) => ChainLoop

/** Whether the stage's output has keys, given its input's. */
export const keepsKeys = (op: Stage['op'], keyed: boolean): boolean => {
  switch (op) {
    case 'keyOn':
    case 'keyed':
      return true
    case 'map':
    case 'filterMap':
    case 'flatMap':
    case 'keyRm':
      return false
    default:
      return keyed
  }
}

/** Generates the loop; `undefined` where code may not be generated. */
export const generateLoop = (
  stages: readonly Stage[],
  keyed: boolean,
  name: string,
): ChainLoop | undefined => {
  const factory = compile<Factory>(new LoopText(stages, keyed).text(), name)
  return factory?.(
    stages.map((stage) => stage.callback),
    stages.map((stage) => stage.stepId),
    objections,
  )
}

/** An item in the generated text: the names that hold its key and its value. */
interface Names {
  readonly key: string | null
  readonly value: string
}

class LoopText {
  readonly #stages: readonly Stage[]
  readonly #keyed: boolean
  readonly #grows: boolean
  readonly #branches: boolean
  #last: Names = { key: null, value: '' }

  constructor(stages: readonly Stage[], keyed: boolean) {
    this.#stages = stages
    this.#keyed = keyed
    this.#grows = stages.some((stage) => stage.op === 'flatMap' || stage.op === 'flatMapValue')
    this.#branches = stages.at(-1)?.op === 'branch'
  }

  text(): string {
    const array = this.#grows ? '[]' : 'new Array(n)'
    const body = this.#stage(0, { key: this.#keyed ? 'k' : null, value: 'v' })
    const hasKeys = this.#last.key !== null
    const callbacks = this.#stages.map(
      (_, at) => `const f${at} = callbacks[${at}], id${at} = ids[${at}]`,
    )
    const firsts = this.#stages.map((_, at) => `c${at} = true`).join(', ')
    return `return (callbacks, ids, no) => {
  ${callbacks.join('\n  ')}
  return (keys, values, host, out) => {
    const n = values.length
    const ov = ${array}, ok = ${hasKeys ? array : 'null'}
    const pv = ${this.#branches ? '[]' : 'ov'}, pk = ${this.#branches && hasKeys ? '[]' : 'null'}
    let i = 0, m = 0, p = 0, mark = 0, markp = 0, at = 0, ${firsts}
    for (;;) {
      try {
        for (; i < n; i++) {
          mark = m
          ${this.#branches ? 'markp = p' : ''}
          const v = values[i]${this.#keyed ? ', k = keys[i]' : ''}
          ${body}
        }
        break
      } catch (error) {
        m = mark
        p = markp
        host.fail(at, error, i)
        i++
      }
    }
    ov.length = m
    ${hasKeys ? 'ok.length = m' : ''}
    ${this.#branches ? `pv.length = p\n    ${hasKeys ? 'pk.length = p' : ''}` : ''}
    out.keys = ok
    out.values = ov
    out.otherKeys = pk
    out.otherValues = pv
  }
}`
  }

  #stage(at: number, from: Names): string {
    const stage = this.#stages[at]
    if (stage === undefined) {
      this.#last = from
      return from.key === null
        ? `ov[m++] = ${from.value}`
        : `ok[m] = ${from.key}; ov[m++] = ${from.value}`
    }
    const item = from.key === null ? from.value : `[${from.key}, ${from.value}]`
    const x = `x${at}`
    const next = (to: Names): string => this.#stage(at + 1, to)
    const mark = `at = ${at}`
    // Looked at until it is known to be none, so that a policy that passes items over meets it again.
    const once = `if (c${at}) { if (${x} instanceof Promise) no.promise(); c${at} = false }`
    const each = `if (${x} === null || typeof ${x} !== 'object' && typeof ${x} !== 'string' || typeof ${x}[Symbol.iterator] !== 'function') no.notIterable(${x})`
    switch (stage.op) {
      case 'map':
        return `${mark}; const ${x} = f${at}(${item}); ${once}\n${next({ key: null, value: x })}`
      case 'mapValue':
        return `${mark}; const ${x} = f${at}(${from.value}); ${once}\n${next({ key: from.key, value: x })}`
      case 'filter':
        return `${mark}; const ${x} = f${at}(${item})\nif (${x} === true) { ${next(from)} } else if (${x} !== false) no.notBoolean(${x})`
      case 'filterValue':
        return `${mark}; const ${x} = f${at}(${from.value})\nif (${x} === true) { ${next(from)} } else if (${x} !== false) no.notBoolean(${x})`
      case 'filterMap':
        return `${mark}; const ${x} = f${at}(${item}); ${once}\nif (${x} !== null && ${x} !== undefined) { ${next({ key: null, value: x })} }`
      case 'filterMapValue':
        return `${mark}; const ${x} = f${at}(${from.value}); ${once}\nif (${x} !== null && ${x} !== undefined) { ${next({ key: from.key, value: x })} }`
      case 'flatMap':
        return `${mark}; const ${x} = f${at}(${item}); ${each}\nfor (const y${at} of ${x}) { ${next({ key: null, value: `y${at}` })} ; ${mark} }`
      case 'flatMapValue':
        return `${mark}; const ${x} = f${at}(${from.value}); ${each}\nfor (const y${at} of ${x}) { ${next({ key: from.key, value: `y${at}` })} ; ${mark} }`
      case 'inspect':
        return `${mark}; const ${x} = f${at}(id${at}, ${item}); ${once}\n${next(from)}`
      case 'inspectDebug':
        return `${mark}; const ${x} = f${at}(id${at}, ${item}, host.epoch, host.worker); ${once}\n${next(from)}`
      case 'keyOn':
        return `${mark}; const ${x} = f${at}(${item}); if (typeof ${x} !== 'string') no.notKey(${x})\nconst w${at} = ${item}\n${next({ key: x, value: `w${at}` })}`
      case 'keyed':
        return `${mark}; const ${x} = ${item}; if (!Array.isArray(${x}) || ${x}.length !== 2 || typeof ${x}[0] !== 'string') no.notPair(${x})\nconst w${at} = ${x}[1], z${at} = ${x}[0]\n${next({ key: `z${at}`, value: `w${at}` })}`
      case 'keyRm':
        return next({ key: null, value: from.value })
      case 'branch': {
        this.#last = from
        const yes =
          from.key === null
            ? `ov[m++] = ${from.value}`
            : `ok[m] = ${from.key}; ov[m++] = ${from.value}`
        const not =
          from.key === null
            ? `pv[p++] = ${from.value}`
            : `pk[p] = ${from.key}; pv[p++] = ${from.value}`
        return `${mark}; const ${x} = f${at}(${item})\nif (${x} === true) { ${yes} } else if (${x} === false) { ${not} } else no.notBoolean(${x})`
      }
    }
  }
}

const describe = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'an array'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`

const refusePromise = (value: unknown): void => {
  if (value instanceof Promise) objections.promise()
}

/** The sentences for what callbacks must not give back; shared by both kinds of loop. */
export const objections: Objections = {
  notBoolean: (value) => {
    refusePromise(value)
    throw new TypeError(
      `a predicate must return true or false (a \`boolean\`); got ${describe(value)}`,
    )
  },
  notKey: (value) => {
    refusePromise(value)
    throw new TypeError(`a key must be a \`string\`; got ${describe(value)}`)
  },
  notPair: (value) => {
    throw new TypeError(
      `an item must be a [key, value] pair with a \`string\` key; got ${describe(value)}`,
    )
  },
  notIterable: (value) => {
    refusePromise(value)
    throw new TypeError(
      `what it gives needs to be iterable (an array, a generator ...); got ${describe(value)}`,
    )
  },
  promise: () => {
    throw new TypeError('it returned a promise, which this step does not wait for; use mapAsync')
  },
}
