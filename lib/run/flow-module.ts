import { isMainThread } from 'node:worker_threads'
import { BuildError } from '../errors/errors.ts'
import { Dataflow } from '../flow/dataflow.ts'
import { adoptRuns } from './adoption.ts'
import type { FlowModule } from './thread-protocol.ts'

/** The flows that modules run themselves: such a module is loaded once and never done with it. */
const adopted = new Map<string, Promise<Dataflow>>()

/**
 * Imports a module and takes the flow that it exports, or that a function it exports makes.
 *
 * @throws BuildError when there is no such export, or what it gives is no flow
 */
export const loadFlow = async (flow: FlowModule): Promise<Dataflow> => {
  try {
    return await Promise.race([importFlow(flow), adoptedFrom(flow.module)])
  } finally {
    // A worker's thread is there for this flow alone; a service's main thread runs others as well.
    if (isMainThread) adoptRuns(null)
  }
}

/** Begins to load a module; what is wrong with it is said when its flow is asked for. */
export const preloadModule = (module: string): void => {
  void adoptedFrom(module)
  import(module).catch(() => {})
}

/** A module that runs its own flow at its end would never finish loading: the flow is taken then. */
const adoptedFrom = (module: string): Promise<Dataflow> => {
  const known = adopted.get(module)
  if (known !== undefined) return known
  const found = new Promise<Dataflow>((resolve) => {
    adoptRuns((own) => {
      resolve(own)
      return true
    })
  })
  adopted.set(module, found)
  return found
}

const importFlow = async ({ module, export: name, args }: FlowModule): Promise<Dataflow> => {
  const exports: Record<string, unknown> = await import(module)
  if (!Object.hasOwn(exports, name)) {
    const known = Object.keys(exports)
    throw new BuildError(
      `Module ${module} has no export "${name}"; ${known.length === 0 ? 'it exports nothing' : `it exports ${known.join(', ')}`}.`,
    )
  }
  const found = exports[name]
  const flow: unknown = typeof found === 'function' ? await found(...(args ?? [])) : found
  if (!(flow instanceof Dataflow)) {
    throw new BuildError(
      `Export "${name}" of module ${module} is no flow: it must be what dataflow(id) gives, or a function that returns one.`,
    )
  }
  return flow
}
