import { leavesOf } from '../../visualize/edges.ts'
import type { FlowGraph, GraphNode, GraphPort } from '../../visualize/graph.ts'

/** An output of a step, as the step itself counts what leaves it. */
export interface Origin {
  readonly step: string
  readonly output: number
}

/** Gives, for an output of any node, the outputs of steps that it stands for. */
export const originsOf = (graph: FlowGraph): ((port: GraphPort) => readonly Origin[]) => {
  const origins = new Map<string, Origin>()
  for (const { step, outputs } of leavesOf(graph.steps)) {
    outputs.forEach(({ id }, output) => {
      if (step !== null) origins.set(id, { step, output })
    })
  }
  const passages = new Map<string, GraphPort>()
  note(graph.steps, passages)
  const find = (id: string): readonly Origin[] => {
    const origin = origins.get(id)
    return origin === undefined ? (passages.get(id)?.from ?? []).flatMap(find) : [origin]
  }
  return ({ id }) => find(id)
}

const note = (nodes: readonly GraphNode[], passages: Map<string, GraphPort>): void => {
  for (const { inputs, outputs, steps } of nodes) {
    for (const port of [...inputs, ...outputs]) passages.set(port.id, port)
    note(steps, passages)
  }
}
