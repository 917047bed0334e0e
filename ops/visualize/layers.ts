import type { Edge } from './edges.ts'
import type { GraphNode } from './graph.ts'

const SWEEPS = 4

/**
 * Nodes in rows from top to bottom: each lies below all that it takes items from. Within a row they
 * are ordered by the middle of their neighbours (the barycentre heuristic of Sugiyama, Tagawa and
 * Toda, 1981), so that few lines cross.
 */
export const layersOf = (
  nodes: readonly GraphNode[],
  edges: readonly Edge[],
): readonly (readonly GraphNode[])[] => {
  const depths = depthsOf(nodes, edges)
  const layers: GraphNode[][] = []
  for (const node of nodes) {
    const row = depths.get(node) ?? 0
    while (layers.length <= row) layers.push([])
    layers[row]?.push(node)
  }
  const rows = layers.filter((row) => row.length > 0)
  for (let sweep = 0; sweep < SWEEPS; sweep++) order(rows, edges, sweep % 2 === 0)
  return rows
}

/**
 * In which row each belongs. Nodes come in the order in which the flow was built, so what feeds a
 * step precedes it; a composite may be fed by a later one, which further rounds settle. Composites
 * that feed one another never settle, so the rounds are counted.
 */
const depthsOf = (nodes: readonly GraphNode[], edges: readonly Edge[]): Map<GraphNode, number> => {
  const depths = new Map<GraphNode, number>(nodes.map((node) => [node, 0]))
  const lower = ({ from, to }: Edge): boolean => {
    const depth = (depths.get(from) ?? 0) + 1
    if (from === to || depth <= (depths.get(to) ?? 0) || depth >= nodes.length) return false
    depths.set(to, depth)
    return true
  }
  let rounds = nodes.length
  while (rounds > 0 && edges.filter(lower).length > 0) rounds -= 1
  return depths
}

const order = (rows: GraphNode[][], edges: readonly Edge[], down: boolean): void => {
  const place = new Map(rows.flatMap((row) => row.map((node, at) => [node, at] as const)))
  for (const row of rows) {
    const middles = new Map(row.map((node) => [node, middle(node, { edges, down, place })]))
    row.sort((a, b) => (middles.get(a) as number) - (middles.get(b) as number))
    row.forEach((node, at) => {
      place.set(node, at)
    })
  }
}

const middle = (
  node: GraphNode,
  around: {
    readonly edges: readonly Edge[]
    readonly down: boolean
    readonly place: ReadonlyMap<GraphNode, number>
  },
): number => {
  const { edges, down, place } = around
  const near = edges.flatMap(({ from, to }) => {
    if (down) return to === node ? [place.get(from) as number] : []
    return from === node ? [place.get(to) as number] : []
  })
  if (near.length === 0) return place.get(node) as number
  return near.reduce((a, b) => a + b, 0) / near.length
}
