import type { Dataflow } from '../../lib/flow/dataflow.ts'
import { type DrawOptions, edgesOf } from './edges.ts'
import { type GraphNode, type GraphPort, graphOf } from './graph.ts'

/**
 * The graph of a flow as a PlantUML component diagram; every port is drawn.
 *
 * @param options - `recursive`: composite operators as components with their steps inside
 *
 * @example
 * ```ts
 * await writeFile('flow.puml', toPlantUml(flow, { recursive: true }))
 * ```
 */
export const toPlantUml = (flow: Dataflow, { recursive = false }: DrawOptions = {}): string => {
  const graph = graphOf(flow)
  const aliases = new Map<GraphNode | GraphPort, string>()
  const alias = (of: GraphNode | GraphPort): string => {
    const known = aliases.get(of) ?? `n${aliases.size}`
    aliases.set(of, known)
    return known
  }
  const draw = (node: GraphNode, depth: number): readonly string[] => {
    const indent = '  '.repeat(depth)
    const port = (kind: string, of: GraphPort): string =>
      `${indent}  ${kind} ${quoted(of.name)} as ${alias(of)}`
    return [
      `${indent}component ${quoted(`${node.name} (${node.operator})`)} as ${alias(node)} {`,
      ...node.inputs.map((each) => port('portin', each)),
      ...node.outputs.map((each) => port('portout', each)),
      ...(recursive ? node.steps.flatMap((step) => draw(step, depth + 1)) : []),
      `${indent}}`,
    ]
  }
  const drawn = graph.steps.flatMap((node) => draw(node, 1))
  const lines = recursive
    ? passages(graph.steps)
    : edgesOf(graph, false).map(({ output, input }) => [output, input] as const)
  return [
    '@startuml',
    `component ${quoted(`${flow.id} (Dataflow)`)} as flow {`,
    ...drawn,
    ...lines.map(([from, to]) => `  ${alias(from)} --> ${alias(to)}`),
    '}',
    '@enduml',
  ].join('\n')
}

/** Every step of the way, through the ports of composites. */
const passages = (nodes: readonly GraphNode[]): readonly (readonly [GraphPort, GraphPort])[] => {
  const ports = portsOf(nodes)
  const byId = new Map(ports.map((port) => [port.id, port]))
  return ports.flatMap((to) => to.from.map((id) => [byId.get(id) as GraphPort, to] as const))
}

const portsOf = (nodes: readonly GraphNode[]): readonly GraphPort[] =>
  nodes.flatMap(({ inputs, outputs, steps }) => [...inputs, ...outputs, ...portsOf(steps)])

const quoted = (text: string): string =>
  `"${text.replace(/["<>\\~]/g, (sign) => `<U+${sign.charCodeAt(0).toString(16).padStart(4, '0')}>`).replace(/\s+/g, ' ')}"`
