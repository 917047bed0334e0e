import type { FlowGraph, GraphNode, GraphPort } from './graph.ts'

/** A line of a drawing: from a port of one node to a port of another. */
export interface Edge {
  readonly from: GraphNode
  readonly output: GraphPort
  readonly to: GraphNode
  readonly input: GraphPort
}

export interface DrawOptions {
  /**
   * Draw what is inside composite operators too.
   * @defaultValue false
   */
  readonly recursive?: boolean
}

/** The nodes that have nothing inside them. */
export const leavesOf = (nodes: readonly GraphNode[]): readonly GraphNode[] =>
  nodes.flatMap((node) => (node.steps.length === 0 ? [node] : leavesOf(node.steps)))

/** The lines between the outermost nodes; or, `recursive`, between the innermost. */
export const edgesOf = (graph: FlowGraph, recursive: boolean): readonly Edge[] => {
  const drawn = recursive ? leavesOf(graph.steps) : graph.steps
  const outputs = new Map<string, readonly [GraphNode, GraphPort]>()
  for (const node of drawn) for (const port of node.outputs) outputs.set(port.id, [node, port])
  const passages = new Map<string, GraphPort>()
  notePorts(graph.steps, passages)
  const originsOf = (id: string): readonly string[] =>
    outputs.has(id) ? [id] : (passages.get(id)?.from ?? []).flatMap(originsOf)
  return drawn.flatMap((to) =>
    to.inputs.flatMap((input) =>
      input.from.flatMap(originsOf).map((id) => {
        const [from, output] = outputs.get(id) as readonly [GraphNode, GraphPort]
        return { from, output, to, input }
      }),
    ),
  )
}

const notePorts = (nodes: readonly GraphNode[], ports: Map<string, GraphPort>): void => {
  for (const { inputs, outputs, steps } of nodes) {
    for (const port of [...inputs, ...outputs]) ports.set(port.id, port)
    notePorts(steps, ports)
  }
}
