import { graphlib, layout } from '@dagrejs/dagre'

export interface Size {
  readonly width: number
  readonly height: number
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Line {
  readonly from: string
  readonly to: string
}

/** Where everything of a drawing lies; boxes by their middles. */
export interface Placed extends Size {
  readonly boxes: ReadonlyMap<string, Point>
  /** For each line, in order: its bends, and the middle of its label. */
  readonly lines: readonly { readonly points: readonly Point[]; readonly label: Point }[]
}

/** Room for the words beside a line. */
const LABEL: Size = { width: 52, height: 18 }

/** Places boxes in layers so that few lines cross, from left to right or from top to bottom. */
export const place = (
  boxes: ReadonlyMap<string, Size>,
  lines: readonly Line[],
  { across }: { readonly across: boolean },
): Placed => {
  const graph = new graphlib.Graph({ multigraph: true })
  graph.setGraph({
    rankdir: across ? 'LR' : 'TB',
    nodesep: across ? 32 : 18,
    ranksep: across ? 16 : 28,
    edgesep: 14,
    marginx: 12,
    marginy: 24,
  })
  for (const [id, size] of boxes) graph.setNode(id, { ...size })
  lines.forEach(({ from, to }, at) => {
    graph.setEdge(from, to, { ...LABEL, labelpos: 'c' }, String(at))
  })
  layout(graph)
  const { width = 0, height = 0 } = graph.graph() as Partial<Size>
  return {
    width,
    height,
    boxes: new Map([...boxes.keys()].map((id) => [id, pointOf(graph.node(id))])),
    lines: lines.map(({ from, to }, at) => {
      const edge = graph.edge(from, to, String(at)) as Point & { points?: readonly Point[] }
      return { points: (edge.points ?? []).map(pointOf), label: pointOf(edge) }
    }),
  }
}

const pointOf = (found: unknown): Point => {
  const { x = 0, y = 0 } = found as Partial<Point>
  return { x, y }
}
