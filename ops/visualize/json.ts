import type { Dataflow } from '../../lib/flow/dataflow.ts'
import { graphOf } from './graph.ts'

/**
 * The graph of a flow as JSON text, always with what is inside composite operators; see
 * `FlowGraph` for its shape.
 *
 * @example
 * ```ts
 * const { steps } = JSON.parse(toJson(flow))
 * ```
 */
export const toJson = (flow: Dataflow): string => JSON.stringify(graphOf(flow), null, 2)
