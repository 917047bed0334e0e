import type { Dataflow } from '../../lib/flow/dataflow.ts'
import { type DrawOptions, type Edge, edgesOf } from './edges.ts'
import { type GraphNode, graphOf } from './graph.ts'

/**
 * The graph of a flow as a Mermaid flowchart.
 *
 * @param options - `recursive`: composite operators as subgraphs with their steps inside
 *
 * @example
 * ```ts
 * console.log(toMermaid(flow))
 * ```
 */
export const toMermaid = (flow: Dataflow, { recursive = false }: DrawOptions = {}): string => {
  const graph = graphOf(flow)
  const names = new Map<GraphNode, string>()
  nameNodes(graph.steps, flow.id, names)
  const edges = edgesOf(graph, recursive)
  const draw = (node: GraphNode): readonly string[] => {
    const label = quoted(`${node.name} (${node.operator})`)
    const name = names.get(node)
    if (recursive && node.steps.length > 0) {
      return [`subgraph ${name} [${label}]`, ...node.steps.flatMap(draw), 'end']
    }
    const arriving = edges.filter(({ to }) => to === node)
    return [`${name}[${label}]`, ...arriving.map((edge) => line(edge, names))]
  }
  return [
    'flowchart TD',
    `subgraph ${quoted(`${flow.id} (Dataflow)`)}`,
    ...graph.steps.flatMap(draw),
    'end',
  ].join('\n')
}

const line = ({ from, output, to, input }: Edge, names: ReadonlyMap<GraphNode, string>): string =>
  `${names.get(from)} -- ${quoted(`${output.name} → ${input.name}`)} --> ${names.get(to)}`

/** Ids as people know them, where Mermaid can read them: `end` would end the graph. */
const nameNodes = (
  nodes: readonly GraphNode[],
  flowId: string,
  names: Map<GraphNode, string>,
): void => {
  for (const node of nodes) {
    const id = `${flowId}.${node.id}`
    const plain = /^\w+([.-]\w+)*$/.test(id) && !/(^|[.-])(end|default|style|click)/i.test(id)
    names.set(node, plain ? id : `n${names.size}`)
    nameNodes(node.steps, flowId, names)
  }
}

const quoted = (text: string): string =>
  `"${text.replace(/[#"<>&`]/g, (sign) => `#${sign.charCodeAt(0)};`).replace(/\s+/g, ' ')}"`
