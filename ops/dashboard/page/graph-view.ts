import { type Edge, edgesOf, leavesOf } from '../../visualize/edges.ts'
import type { FlowGraph, GraphNode } from '../../visualize/graph.ts'
import { el, panel, say, svg } from './element.ts'
import { type Placed, type Point, place, type Size } from './graph-layout.ts'
import { type Origin, originsOf } from './port-origins.ts'
import type { Readings, StepReading } from './readings.ts'
import { count, percent, rate } from './words.ts'

const BOX: Size = { width: 156, height: 60 }
const PAD = 11
/** As wide as this a graph runs across the page, below that down. */
const WIDE = 720
const MOST_LETTERS = 15
/** Where the words of a line stand: above one that runs across, beside one that runs down. */
const ABOVE = 6
const BESIDE = 28

interface Box {
  readonly steps: readonly string[]
  readonly group: SVGGElement
  readonly busy: SVGTextElement
  readonly bar: SVGRectElement
  readonly left: SVGTextElement
  readonly right: SVGTextElement
  readonly tag: SVGTextElement
  readonly name: string
}

interface Wire {
  readonly origins: readonly Origin[]
  readonly path: SVGPathElement
  readonly label: SVGTextElement
}

/** The steps of the flow, with what passes between them. */
export class GraphView {
  readonly panel: HTMLElement
  readonly #frame = el('div', { class: 'graph' })
  readonly #inner = el('input', { type: 'checkbox', id: 'inner-steps' })
  readonly #choice = el('label', { for: 'inner-steps', class: 'choice' })
  #graph: FlowGraph | null = null
  #drawn = ''
  #across = true
  #boxes: readonly Box[] = []
  #wires: readonly Wire[] = []
  #readings: Readings | null = null

  constructor() {
    this.#choice.append(this.#inner, 'steps inside operators')
    this.panel = panel('Flow', this.#choice, this.#frame)
    this.panel.classList.add('wide')
    this.#inner.addEventListener('change', () => this.#draw())
    new ResizeObserver(() => {
      if (this.#graph !== null && this.#isWide !== this.#across) this.#draw()
    }).observe(this.#frame)
  }

  show(graph: FlowGraph): void {
    const text = JSON.stringify(graph)
    if (text === this.#drawn) return
    this.#drawn = text
    this.#graph = graph
    this.#choice.hidden = graph.steps.every(({ steps }) => steps.length === 0)
    this.#draw()
  }

  update(readings: Readings): void {
    this.#readings = readings
    const holders = new Set(
      readings.parts
        .filter(({ holds }) => holds)
        .map(({ source }) => withoutFlow(source, this.#graph)),
    )
    const chains = chainsOf(readings)
    for (const box of this.#boxes) updateBox(box, { readings, chains, holders })
    for (const wire of this.#wires) updateWire(wire, chains)
  }

  get #isWide(): boolean {
    return this.#frame.clientWidth === 0 || this.#frame.clientWidth >= WIDE
  }

  #draw(): void {
    const graph = this.#graph
    if (graph === null) return
    this.#across = this.#isWide
    const nodes = this.#inner.checked ? leavesOf(graph.steps) : graph.steps
    const edges = edgesOf(graph, this.#inner.checked)
    const placed = place(
      new Map(nodes.map(({ id }) => [id, BOX])),
      edges.map(({ from, to }) => ({ from: from.id, to: to.id })),
      { across: this.#across },
    )
    this.#boxes = nodes.map((node) => boxOf(node, placed))
    const origins = originsOf(graph)
    this.#wires = edges.map((edge, at) =>
      wireOf(edge, { origins: origins(edge.output), line: placed.lines[at], across: this.#across }),
    )
    this.#frame.replaceChildren(drawing(graph.flow, placed, [this.#wires, this.#boxes]))
    if (this.#readings !== null) this.update(this.#readings)
  }
}

const drawing = (
  flow: string,
  { width, height }: Placed,
  [wires, boxes]: readonly [readonly Wire[], readonly Box[]],
): SVGSVGElement => {
  const size = `${Math.ceil(width)} ${Math.ceil(height)}`
  const drawn = svg(
    'svg',
    { viewBox: `0 0 ${size}`, role: 'group', 'aria-label': `The graph of ${flow}` },
    [
      ...wires.map(({ path }) => path),
      ...wires.map(({ label }) => label),
      ...boxes.map(({ group }) => group),
    ],
  )
  drawn.style.width = `${Math.ceil(width)}px`
  // A little smaller is still read; what is far too wide is moved about instead.
  drawn.style.minWidth = `${Math.ceil(width / 1.35)}px`
  return drawn
}

const boxOf = (node: GraphNode, placed: Placed): Box => {
  const { x, y } = placed.boxes.get(node.id) ?? { x: 0, y: 0 }
  const [left, top] = [x - BOX.width / 2, y - BOX.height / 2]
  const inner = BOX.width - 2 * PAD
  const text = (className: string, at: Point, words = ''): SVGTextElement =>
    svg('text', { class: className, x: String(at.x), y: String(at.y) }, [words])
  const name = node.step !== null && node.steps.length === 0 ? node.step : node.name
  const busy = text('busy', { x: left + BOX.width - PAD, y: top + 20 })
  const bar = svg('rect', {
    class: 'share',
    x: String(left + PAD),
    y: String(top + BOX.height - 9),
    width: '0',
    height: '3',
    rx: '1.5',
  })
  const low = text('low', { x: left + PAD, y: top + 44 }, shortened(node.operator, 12))
  const right = text('wait', { x: left + BOX.width - PAD, y: top + 44 })
  const tag = text('tag', { x: left + 2, y: top - 6 })
  const group = svg('g', { class: 'step', role: 'img', 'aria-label': name }, [
    svg('rect', {
      class: 'box',
      x: String(left),
      y: String(top),
      width: String(BOX.width),
      height: String(BOX.height),
      rx: '9',
    }),
    svg('rect', {
      class: 'track',
      x: String(left + PAD),
      y: String(top + BOX.height - 9),
      width: String(inner),
      height: '3',
      rx: '1.5',
    }),
    bar,
    text('name', { x: left + PAD, y: top + 20 }, shortened(name)),
    busy,
    low,
    right,
    tag,
    svg('title', {}, [`${name} (${node.operator})`]),
  ])
  const steps = leavesOf([node]).flatMap(({ step }) => (step === null ? [] : [step]))
  return { steps, group, busy, bar, left: low, right, tag, name }
}

const shortened = (name: string, most = MOST_LETTERS): string =>
  name.length > most ? `${name.slice(0, most - 1)}…` : name

const wireOf = (
  edge: Edge,
  how: {
    readonly origins: readonly Origin[]
    readonly line: Placed['lines'][number] | undefined
    readonly across: boolean
  },
): Wire => {
  const { points = [], label = { x: 0, y: 0 } } = how.line ?? {}
  const title = svg('title', {}, [`${edge.output.id} → ${edge.input.id}`])
  return {
    origins: how.origins,
    path: svg('path', { class: 'wire', d: curve(points, how.across) }, [title]),
    label: svg('text', {
      class: 'rate',
      x: String(how.across ? label.x : label.x + BESIDE),
      y: String(how.across ? label.y - ABOVE : label.y + 4),
    }),
  }
}

/** From point to point, level where it passes each. */
const curve = ([first, ...rest]: readonly Point[], across: boolean): string => {
  if (first === undefined) return ''
  let from = first
  let path = `M${from.x} ${from.y}`
  for (const to of rest) {
    const middle = across ? (from.x + to.x) / 2 : (from.y + to.y) / 2
    path += across
      ? `C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`
      : `C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`
    from = to
  }
  return path
}

/** Every step, by its own id, also where it runs as one with others. */
const chainsOf = ({ steps }: Readings): ReadonlyMap<string, StepReading> =>
  new Map([...steps.values()].flatMap((each) => each.fused.map((step) => [step, each] as const)))

interface Around {
  readonly readings: Readings
  readonly chains: ReadonlyMap<string, StepReading>
  readonly holders: ReadonlySet<string>
}

const updateBox = (box: Box, { readings, chains, holders }: Around): void => {
  const own = [...new Set(box.steps.flatMap((step) => chains.get(step) ?? []))]
  const first = own.find(({ fused }) => box.steps.includes(fused[0] ?? ''))
  const busy = Math.max(0, ...own.map((each) => each.busy))
  const waiting = own.reduce(
    (sum, each) => sum + (box.steps.includes(each.step) ? each.waiting : 0),
    0,
  )
  const lag = own.reduce((sum, each) => sum + (each.lag ?? 0), 0)
  const slowest = readings.slowest !== null && own.includes(readings.slowest)
  const tags = [
    slowest ? 'slowest' : '',
    box.steps.some((step) => holders.has(step)) ? 'holds the watermark back' : '',
    own.some(({ stuck }) => stuck) ? 'waits for calls' : '',
    !slowest && own.some(({ blocked, stuck }) => blocked && !stuck) ? 'held up' : '',
  ].filter((tag) => tag !== '')
  const keys = own.reduce<number | null>(
    (sum, each) => (each.keys === null ? sum : (sum ?? 0) + each.keys),
    null,
  )
  say(box.busy, own.length === 0 ? '' : percent(busy))
  say(box.tag, tags.join(' · '))
  say(box.right, besides(waiting, lag, keys))
  box.bar.setAttribute('width', String((BOX.width - 2 * PAD) * Math.min(1, busy)))
  box.group.setAttribute('data-heat', heat(busy))
  box.group.toggleAttribute('data-slowest', slowest)
  box.group.toggleAttribute(
    'data-holds',
    box.steps.some((step) => holders.has(step)),
  )
  box.group.toggleAttribute('data-ended', own.length > 0 && own.every(({ ended }) => ended))
  const facts = [
    `step ${box.name}`,
    first === undefined ? '' : `${rate(first.rateIn)} in`,
    `${percent(busy)} busy`,
    waiting > 0 ? `${count(waiting)} waiting` : '',
    keys === null ? '' : `${count(keys)} keys`,
    ...tags,
  ]
  box.group.setAttribute('aria-label', facts.filter((fact) => fact !== '').join(', '))
}

const besides = (waiting: number, lag: number, keys: number | null): string => {
  if (waiting > 0) return `${count(waiting)} waiting`
  if (lag > 0) return `${count(lag)} unread`
  return keys === null ? '' : `${count(keys)} keys`
}

const heat = (busy: number): string => {
  if (busy >= 0.8) return 'hot'
  return busy >= 0.4 ? 'warm' : 'calm'
}

/** Inside steps that run as one nothing is counted: they are one. */
const updateWire = (
  { origins, path, label }: Wire,
  chains: ReadonlyMap<string, StepReading>,
): void => {
  let sum: number | null = null
  let fused = false
  for (const { step, output } of origins) {
    const from = chains.get(step)
    if (from === undefined) continue
    if (from.fused.at(-1) === step) sum = (sum ?? 0) + (from.ratesOut[output] ?? 0)
    else fused = true
  }
  path.toggleAttribute('data-fused', fused)
  path.toggleAttribute('data-still', !fused && sum === 0)
  path.style.strokeWidth = fused ? '5' : String(1.2 + 0.45 * Math.log10(1 + (sum ?? 0)))
  if (fused) say(label, '')
  else say(label, sum === null ? '' : rate(sum))
}

const withoutFlow = (step: string, graph: FlowGraph | null): string => {
  const prefix = `${graph?.flow ?? ''}.`
  return step.startsWith(prefix) ? step.slice(prefix.length) : step
}
