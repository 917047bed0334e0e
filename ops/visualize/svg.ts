import type { Dataflow } from '../../lib/flow/dataflow.ts'
import { type DrawOptions, type Edge, edgesOf, leavesOf } from './edges.ts'
import { type GraphNode, graphOf } from './graph.ts'
import { layersOf } from './layers.ts'

/** Lengths in pixels. */
const HEIGHT = 44
const GAP_X = 28
const GAP_Y = 56
const MARGIN = 20
const TITLE = 28
const PER_LETTER = 7.4
const NARROWEST = 96

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
}

/**
 * The graph of a flow as an SVG image, from top to bottom, in the colours of the reader's light or
 * dark mode.
 *
 * @param options - `recursive`: every step by itself, under its full id, instead of one box for each
 *   composite operator
 *
 * @example
 * ```ts
 * await writeFile('flow.svg', toSvg(flow))
 * ```
 */
export const toSvg = (flow: Dataflow, { recursive = false }: DrawOptions = {}): string => {
  const graph = graphOf(flow)
  const nodes = recursive ? leavesOf(graph.steps) : graph.steps
  const edges = edgesOf(graph, recursive)
  const rows = layersOf(nodes, edges)
  const widths = rows.map((row) => row.reduce((sum, node) => sum + widthOf(node) + GAP_X, -GAP_X))
  const width = Math.max(lettersWide(flow.id), ...widths) + 2 * MARGIN
  const boxes = new Map<GraphNode, Box>()
  rows.forEach((row, at) => {
    let x = (width - (widths[at] as number)) / 2
    for (const node of row) {
      const own = widthOf(node)
      boxes.set(node, { x, y: TITLE + MARGIN + at * (HEIGHT + GAP_Y), width: own })
      x += own + GAP_X
    }
  })
  const height = TITLE + 2 * MARGIN + rows.length * (HEIGHT + GAP_Y) - GAP_Y
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${px(width)}" height="${px(height)}" viewBox="0 0 ${px(width)} ${px(height)}" role="img" aria-label="${escaped(`flow ${flow.id}`)}">`,
    STYLE,
    `<text class="title" x="${px(width / 2)}" y="${MARGIN + 4}">${escaped(flow.id)}</text>`,
    ...edges.map((edge) => path(edge, boxes)),
    ...nodes.map((node) => box(node, boxes.get(node) as Box)),
    '</svg>',
  ].join('\n')
}

const STYLE = `<style>
text { font: 13px system-ui, sans-serif; text-anchor: middle; fill: #1c2733 }
.title { font-weight: 600 }
.operator { font-size: 11px; fill: #5b6b7b }
rect { fill: #f3f7fa; stroke: #5b7a99 }
path { fill: none; stroke: #5b7a99 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .operator { fill: #9fb0c0 } rect { fill: #1d2833 }
}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8Z" style="fill: #5b7a99; stroke: none"/></marker></defs>`

const box = (node: GraphNode, { x, y, width }: Box): string => {
  const middle = px(x + width / 2)
  return [
    `<g><rect x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${HEIGHT}" rx="6"/>`,
    `<text x="${middle}" y="${px(y + 19)}">${escaped(labelOf(node))}</text>`,
    `<text class="operator" x="${middle}" y="${px(y + 35)}">${escaped(node.operator)}</text></g>`,
  ].join('')
}

const path = (edge: Edge, boxes: ReadonlyMap<GraphNode, Box>): string => {
  const from = boxes.get(edge.from) as Box
  const to = boxes.get(edge.to) as Box
  const [x1, y1] = [from.x + from.width / 2, from.y + HEIGHT]
  const [x2, y2] = [to.x + to.width / 2, to.y]
  const bend = Math.max(GAP_Y / 2, (y2 - y1) / 2)
  const curve = `M${px(x1)} ${px(y1)}C${px(x1)} ${px(y1 + bend)} ${px(x2)} ${px(y2 - bend)} ${px(x2)} ${px(y2)}`
  return `<path d="${curve}" marker-end="url(#tip)"><title>${escaped(`${edge.output.id} → ${edge.input.id}`)}</title></path>`
}

const labelOf = ({ step, id, name, steps }: GraphNode): string =>
  steps.length > 0 ? name : (step ?? id)

const widthOf = (node: GraphNode): number =>
  Math.max(NARROWEST, lettersWide(labelOf(node)), lettersWide(node.operator))

const lettersWide = (text: string): number => text.length * PER_LETTER + 24

const px = (length: number): string => String(Math.round(length * 10) / 10)

/** Text that XML can hold: control characters have no place in it, not even written as numbers. */
const escaped = (text: string): string =>
  text
    .replace(/[\ud800-\udfff]/gu, '\ufffd')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be taken out.
    .replace(/[\u0000-\u001f\ufffe\uffff]/g, ' ')
    .replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
