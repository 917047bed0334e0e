import * as register from './errors.ts'
import { StepError } from './step-error.ts'

/**
 * Errors between threads and processes: what crosses is plain data, and comes out as an error of
 * its own class again where that is one of ours.
 */
export interface PortableError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  /** The facts that a class of ours carries beside its message. */
  readonly facts: Readonly<Record<string, unknown>>
  readonly cause: PortableError | undefined
}

const DEEPEST = 8
const OWN = new Set(['name', 'message', 'stack', 'code', 'cause'])

export const portError = (error: unknown, depth = 0): PortableError => {
  if (!(error instanceof Error)) return foreign(String(error))
  const facts: Record<string, unknown> = {}
  if (error instanceof register.TidemarkError) {
    for (const [name, fact] of Object.entries(error))
      if (!OWN.has(name)) facts[name] = portFact(fact)
  }
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: 'code' in error && typeof error.code === 'string' ? error.code : undefined,
    facts,
    cause:
      error.cause === undefined || depth === DEEPEST
        ? undefined
        : portError(error.cause, depth + 1),
  }
}

export const unportError = (ported: PortableError): Error => {
  const prototype = prototypes.get(ported.code ?? '') ?? Error.prototype
  const error: Error = Object.create(prototype)
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(error, name, {
      value,
      writable: true,
      configurable: true,
      enumerable: !OWN.has(name),
    })
  }
  define('message', ported.message)
  define('name', ported.name)
  define('stack', ported.stack)
  if (ported.code !== undefined) define('code', ported.code)
  if (ported.cause !== undefined) define('cause', unportError(ported.cause))
  for (const [name, fact] of Object.entries(ported.facts))
    if (name !== '__proto__') define(name, fact)
  return error
}

const foreign = (message: string): PortableError => ({
  name: 'Error',
  message,
  stack: undefined,
  code: undefined,
  facts: {},
  cause: undefined,
})

/** Facts that cannot be copied are told in words. */
const portFact = (fact: unknown): unknown => {
  try {
    return structuredClone(fact)
  } catch {
    return String(fact)
  }
}

/** The prototype of each class by its code. */
const prototypes = new Map<string, object>(
  Object.values(register).map((known) => [new known('').code, known.prototype]),
)
prototypes.set('TIDEMARK_STEP', StepError.prototype)
