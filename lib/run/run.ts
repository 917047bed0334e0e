import { BuildError } from '../errors/errors.ts'
import { checkFlow } from '../flow/check.ts'
import { Dataflow } from '../flow/dataflow.ts'
import { Execution, type Summary } from './execution.ts'
import { type RunOptions, settingsOf } from './options.ts'

/**
 * Starts a flow in this thread and gives the execution at once.
 *
 * @param flow - the flow; it may be started again, also while another execution of it runs
 * @throws BuildError when the flow or the options are wrong
 *
 * @example
 * ```ts
 * const execution = start(flow, { epochInterval: { seconds: 1 } })
 * process.once('SIGTERM', () => execution.stop())
 * await execution.done
 * ```
 */
export const start = (flow: Dataflow, options: RunOptions = {}): Execution => {
  if (!(flow instanceof Dataflow)) {
    throw new BuildError('start and run need a flow, as dataflow(id) makes it.')
  }
  const settings = settingsOf(options)
  checkFlow(flow, settings.onError)
  return new Execution(flow, settings)
}

/**
 * Runs a flow to its end.
 *
 * @returns what it has done, after everything is closed
 * @throws BuildError when the flow or the options are wrong; what made it fail otherwise
 *
 * @example
 * ```ts
 * const { itemsIn } = await run(flow)
 * ```
 */
export const run = async (flow: Dataflow, options: RunOptions = {}): Promise<Summary> =>
  start(flow, options).done
