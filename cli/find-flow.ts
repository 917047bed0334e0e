import { Dataflow } from '../lib/flow/dataflow.ts'
import { adoptRuns } from '../lib/run/adoption.ts'
import type { RunOptions } from '../lib/run/options.ts'
import { reasonOf } from './explain.ts'
import { type Exports, loadModule, syntaxErrorLine } from './load-module.ts'
import type { ModuleSpec } from './module-spec.ts'
import { UsageError } from './usage-error.ts'

/** A flow to run, and the options that the module itself would have run it with. */
export interface FoundFlow {
  readonly flow: Dataflow
  readonly options: RunOptions
  /** The name of the export that gave it. */
  readonly name: string
}

/**
 * Loads the module and takes the flow out of it.
 *
 * A module that ends in `await run(flow)` is as good: what it would run is taken as found.
 *
 * @throws UsageError where the module can't be loaded, or what was named is no flow
 */
export const findFlow = async (spec: ModuleSpec, directory: string): Promise<FoundFlow> => {
  const asked = new Map<Dataflow, RunOptions>()
  let chosen: Dataflow | null = null
  const firstRun = new Promise<void>((resolve) => {
    adoptRuns((flow, options) => {
      if (chosen !== null) return chosen === flow
      asked.set(flow, options)
      resolve()
      return true
    })
  })
  const exports = loadModule(spec.module, directory).catch((cause: unknown) => {
    throw loadError(spec.module, directory, cause)
  })
  const loaded = await Promise.race([exports, firstRun.then(() => moment(exports))])
  const name = spec.name ?? defaultName(loaded)
  const flow =
    loaded === null || name === null ? adopted(spec, asked, loaded) : await pick(spec, name, loaded)
  chosen = flow
  return { flow, options: asked.get(flow) ?? {}, name: name ?? 'flow' }
}

const defaultName = (exports: Exports | null): string | null =>
  ['flow', 'default'].find((name) => exports !== null && Object.hasOwn(exports, name)) ?? null

/** The exports if the module is through within this turn; `null` where it waits for its own run. */
const moment = (exports: Promise<Exports>): Promise<Exports | null> =>
  Promise.race([exports, new Promise<null>((resolve) => setImmediate(resolve, null))])

const loadError = (module: string, directory: string, cause: unknown): UsageError => {
  if (cause instanceof UsageError) return cause
  const line = cause instanceof SyntaxError ? syntaxErrorLine(module, directory) : null
  const where = line === null ? '' : ` (at ${line})`
  return new UsageError(`"${module}" could not be loaded: ${reasonOf(cause)}${where}`, { cause })
}

/** The module exports no flow, or waits for its run and will not come to that: what it runs is all. */
const adopted = (
  spec: ModuleSpec,
  asked: ReadonlyMap<Dataflow, RunOptions>,
  exports: Exports | null,
): Dataflow => {
  const [flow] = asked.keys()
  const plain = spec.args === null && (spec.name === null || spec.name === 'flow')
  if (flow !== undefined && plain) return flow
  if (exports !== null) {
    throw new UsageError(
      `"${spec.module}" exports neither "flow" nor "default". ${listOf(exports)}`,
    )
  }
  throw new UsageError(
    `"${spec.module}" runs flow "${flow?.id}" itself while it is loaded, so ":${spec.name}" can't be taken from it: take its \`await run(...)\` out, or name only the module.`,
  )
}

const pick = async (spec: ModuleSpec, name: string, exports: Exports): Promise<Dataflow> => {
  if (!Object.hasOwn(exports, name)) {
    throw new UsageError(`"${spec.module}" has no export "${name}". ${listOf(exports)}`)
  }
  const value = spec.args === null ? exports[name] : await call(spec, name, exports[name])
  return flowOf(value, { spec, name, exports })
}

const call = async (spec: ModuleSpec, name: string, factory: unknown): Promise<unknown> => {
  const args = spec.args ?? []
  if (typeof factory !== 'function') {
    throw new UsageError(
      `Export "${name}" of "${spec.module}" is ${kindOf(factory)} and can't be called: leave the parentheses out.`,
    )
  }
  if (args.length < factory.length) {
    throw new UsageError(
      `"${name}" of "${spec.module}" takes ${factory.length} ${factory.length === 1 ? 'argument' : 'arguments'}, and got ${args.length}: tidemark run "${spec.module}:${name}('text', 2)".`,
    )
  }
  try {
    return await (factory as (...args: readonly unknown[]) => unknown)(...args)
  } catch (cause) {
    throw new UsageError(`"${name}" of "${spec.module}" threw: ${reasonOf(cause)}`, { cause })
  }
}

const flowOf = (
  value: unknown,
  { spec, name, exports }: { spec: ModuleSpec; name: string; exports: Exports },
): Dataflow => {
  if (value instanceof Dataflow) return value
  const what = spec.args === null ? `Export "${name}"` : `What "${name}(...)" gave`
  if (value instanceof Object && value.constructor?.name === 'Dataflow') {
    throw new UsageError(
      `${what} of "${spec.module}" was made by another copy of tidemark than this command's: run the one that is installed beside it, with npx tidemark.`,
    )
  }
  const advice =
    typeof value === 'function' && spec.args === null
      ? `If it makes one, call it: tidemark run "${spec.module}:${name}()".`
      : listOf(exports)
  throw new UsageError(`${what} of "${spec.module}" is no flow but ${kindOf(value)}. ${advice}`)
}

const listOf = (exports: Exports): string => {
  const names = Object.keys(exports)
  if (names.length === 0) return 'It exports nothing: write export const flow = dataflow(...).'
  const flows = names.filter((name) => exports[name] instanceof Dataflow)
  return flows.length > 0
    ? `It exports these flows: ${shown(flows)}.`
    : `It exports ${shown(names)}; none of them is a flow.`
}

const MOST_SHOWN = 12

const shown = (names: readonly string[]): string =>
  names.length <= MOST_SHOWN
    ? names.join(', ')
    : `${names.slice(0, MOST_SHOWN).join(', ')} and ${names.length - MOST_SHOWN} more`

const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object') return `a ${typeof value}`
  return Array.isArray(value) ? 'an array' : 'an object'
}
