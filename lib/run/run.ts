import { BuildError } from '../errors/errors.ts'
import { checkFlow } from '../flow/check.ts'
import { Dataflow } from '../flow/dataflow.ts'
import { isAdopted } from './adoption.ts'
import { Execution, type Summary } from './execution.ts'
import { JoiningCrew } from './joining-crew.ts'
import { LocalCrew } from './local-crew.ts'
import { type RunOptions, settingsOf } from './options.ts'
import { ThreadCrew } from './thread-crew.ts'
import type { FlowModule } from './thread-protocol.ts'

/**
 * Starts a flow and gives the execution at once.
 *
 * @param flow - the flow, whose workers then share this thread; or the module that exports it, for
 *   workers in threads of their own. It may be started again, also while an execution of it runs
 * @throws BuildError when the flow or the options are wrong
 *
 * @example
 * ```ts
 * const execution = start(flow, { epochInterval: { seconds: 1 } })
 * process.once('SIGTERM', () => execution.stop())
 * await execution.done
 * ```
 */
export const start = (flow: Dataflow | FlowModule, options: RunOptions = {}): Execution => {
  const settings = settingsOf(options)
  const { nats } = options
  if (flow instanceof Dataflow) {
    if (nats !== undefined) {
      throw new BuildError(
        "Processes that run a flow together each load its module: give { module: import.meta.url, export: 'flow' } beside nats.",
      )
    }
    checkFlow(flow, settings.onError)
    return new Execution(settings, (host) => new LocalCrew(flow, settings, host))
  }
  if (!isModule(flow)) {
    throw new BuildError(
      "start and run need a flow, as dataflow(id) makes it, or its module: { module: import.meta.url, export: 'flow' }.",
    )
  }
  return new Execution(settings, (host) =>
    nats === undefined
      ? new ThreadCrew(flow, settings, host)
      : new JoiningCrew(flow, { ...options, nats }, host),
  )
}

/**
 * Runs a flow to its end.
 *
 * In a module that the `tidemark` command loads, the command runs the flow instead, with these
 * options under its own flags, and the promise stays open: what follows it is the script's business.
 *
 * @returns what it has done, after everything is closed
 * @throws BuildError when the flow or the options are wrong; what made it fail otherwise
 *
 * @example
 * ```ts
 * const { itemsIn } = await run(flow)
 * ```
 */
export const run = async (
  flow: Dataflow | FlowModule,
  options: RunOptions = {},
): Promise<Summary> =>
  flow instanceof Dataflow && isAdopted(flow, options)
    ? new Promise(() => {})
    : start(flow, options).done

const isModule = (flow: unknown): flow is FlowModule =>
  typeof flow === 'object' &&
  flow !== null &&
  'module' in flow &&
  typeof flow.module === 'string' &&
  'export' in flow &&
  typeof flow.export === 'string'
