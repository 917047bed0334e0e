import { BuildError } from '../errors/errors.ts'
import { Dataflow } from '../flow/dataflow.ts'
import { adoptRuns } from './adoption.ts'
import type { FlowModule } from './thread-protocol.ts'

/**
 * Imports a module and takes the flow that it exports, or that a function it exports makes.
 *
 * @throws BuildError when there is no such export, or what it gives is no flow
 */
export const loadFlow = async (flow: FlowModule): Promise<Dataflow> => {
  // A module that runs its own flow at its end would never finish loading: the flow is taken then.
  const adopted = new Promise<Dataflow>((resolve) => {
    adoptRuns((own) => {
      resolve(own)
      return true
    })
  })
  return Promise.race([importFlow(flow), adopted])
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
