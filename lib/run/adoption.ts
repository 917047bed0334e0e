import type { Dataflow } from '../flow/dataflow.ts'
import type { RunOptions } from './options.ts'

/** Says whether it runs the flow in place of whoever called `run`. */
export type Adopter = (flow: Dataflow, options: RunOptions) => boolean

let adopter: Adopter | null = null

/**
 * Lets the command that loads a module run what the module runs itself, so that a module with
 * `await run(flow)` at its end is run once, be it by `node` or by the command; `null` ends that.
 */
export const adoptRuns = (next: Adopter | null): void => {
  adopter = next
}

export const isAdopted = (flow: Dataflow, options: RunOptions): boolean =>
  adopter?.(flow, options) ?? false
