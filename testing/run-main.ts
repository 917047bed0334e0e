import type { Dataflow } from '../lib/flow/dataflow.ts'
import type { Summary } from '../lib/run/execution.ts'
import type { RunOptions } from '../lib/run/options.ts'
import { start } from '../lib/run/run.ts'
import { VirtualRuntime } from './virtual-runtime.ts'

/**
 * Runs a flow to its end on one worker.
 *
 * With a {@link VirtualRuntime} it also drives that: virtual time passes until the flow has ended.
 *
 * @throws what `run` throws
 *
 * @example
 * ```ts
 * await runMain(flow, { epochInterval: 0 })
 * ```
 */
export const runMain = (
  flow: Dataflow,
  options: Omit<RunOptions, 'workers'> = {},
): Promise<Summary> => clusterMain(flow, { ...options, workers: 1 })

/**
 * Runs a flow to its end on several workers of this thread, which reach one another through links
 * as in any cluster.
 *
 * With a {@link VirtualRuntime} it also drives that: virtual time passes until the flow has ended.
 *
 * @param options - those of `run`; `workers` is 2 unless given
 * @throws what `run` throws
 *
 * @example
 * ```ts
 * await clusterMain(flow, { workers: 3 })
 * ```
 */
export const clusterMain = async (flow: Dataflow, options: RunOptions = {}): Promise<Summary> => {
  const { done } = start(flow, { workers: 2, ...options })
  return options.runtime instanceof VirtualRuntime ? options.runtime.run(done) : done
}
