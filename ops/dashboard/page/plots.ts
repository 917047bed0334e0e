import UPlot from 'uplot'
import { el, panel, say } from './element.ts'
import { History } from './history.ts'
import type { Readings } from './readings.ts'
import { count, millis, rate, span } from './words.ts'

const HEIGHT = 132

interface Line {
  readonly name: string
  readonly column: number
  readonly colour: string
}

interface Kind {
  readonly title: string
  readonly lines: readonly Line[]
  readonly word: (value: number) => string
}

const [TIME, IN, OUT, LATENCY, MIDDLE, MOST, WAITING, BEHIND] = [0, 1, 2, 3, 4, 5, 6, 7] as const
const COLUMNS = 8

const KINDS: readonly Kind[] = [
  {
    title: 'Throughput',
    word: rate,
    lines: [
      { name: 'in', column: IN, colour: '--line-1' },
      { name: 'out', column: OUT, colour: '--line-2' },
    ],
  },
  {
    title: 'Latency',
    word: millis,
    lines: [
      { name: 'source to sink', column: LATENCY, colour: '--line-2' },
      { name: 'a batch, half', column: MIDDLE, colour: '--line-1' },
      { name: '99 %', column: MOST, colour: '--line-3' },
    ],
  },
  {
    title: 'Items waiting',
    word: count,
    lines: [{ name: 'queued', column: WAITING, colour: '--line-3' }],
  },
  {
    title: 'Watermark',
    word: span,
    lines: [{ name: 'behind', column: BEHIND, colour: '--line-4' }],
  },
]

/** What passed lately, over time. */
export class Plots {
  readonly panels: readonly HTMLElement[]
  readonly #history = new History(COLUMNS)
  readonly #plots: readonly Plot[]
  /** Of the epoch that ended last; it stands until the next one ends. */
  #latency: number | null = null

  constructor() {
    this.#plots = KINDS.map((kind) => new Plot(kind, this.#history))
    this.panels = this.#plots.map((plot) => plot.panel)
    // Colours are of the theme; canvases are drawn anew when it changes.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#redraw())
  }

  add(time: number, readings: Readings): void {
    const { rateIn, rateOut, batch, waiting, behind } = readings
    this.#latency = readings.latency ?? this.#latency
    this.#history.add([
      time / 1000,
      rateIn,
      rateOut,
      this.#latency,
      batch?.middle ?? null,
      batch?.most ?? null,
      waiting,
      behind,
    ])
    for (const plot of this.#plots) plot.update()
  }

  breakOff(time: number): void {
    this.#history.breakOff(time / 1000)
  }

  clear(): void {
    this.#history.clear()
    this.#latency = null
  }

  #redraw(): void {
    for (const plot of this.#plots) plot.rebuild()
  }
}

class Plot {
  readonly panel: HTMLElement
  readonly #kind: Kind
  readonly #history: History
  readonly #frame = el('div', { class: 'plot', 'aria-hidden': 'true' })
  readonly #latest: readonly HTMLElement[]
  #plot: UPlot | null = null

  constructor(kind: Kind, history: History) {
    this.#kind = kind
    this.#history = history
    this.#latest = kind.lines.map(() => el('b', {}, ['–']))
    const legend = kind.lines.map(({ name, colour }, at) => {
      const sign = el('i', {})
      sign.style.background = `var(${colour})`
      return el('span', {}, [sign, `${name} `, this.#latest[at] ?? ''])
    })
    this.panel = panel(kind.title, el('p', { class: 'legend' }, legend), this.#frame)
    new ResizeObserver(() => this.#fit()).observe(this.#frame)
  }

  update(): void {
    const { lines, word } = this.#kind
    lines.forEach(({ column }, at) => {
      const value = this.#history.column(column).at(-1) ?? null
      const latest = this.#latest[at]
      if (latest !== undefined) say(latest, value === null ? '–' : word(value))
    })
    if (this.#plot === null) this.rebuild()
    else this.#plot.setData(this.#data)
  }

  rebuild(): void {
    this.#plot?.destroy()
    this.#plot = new UPlot(this.#options, this.#data, this.#frame)
  }

  #fit(): void {
    this.#plot?.setSize({ width: this.#frame.clientWidth, height: HEIGHT })
  }

  get #data(): UPlot.AlignedData {
    const columns = this.#kind.lines.map(({ column }) => [...this.#history.column(column)])
    return [this.#history.column(TIME).map((time) => time ?? 0), ...columns]
  }

  get #options(): UPlot.Options {
    const style = getComputedStyle(document.documentElement)
    const colour = (name: string): string => style.getPropertyValue(name).trim()
    const axis: UPlot.Axis = {
      stroke: colour('--mute'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      gap: 6,
    }
    return {
      width: this.#frame.clientWidth,
      height: HEIGHT,
      padding: [8, 6, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      scales: { y: { range: (_, _least, most) => [0, Math.max(1e-3, (most ?? 0) * 1.12)] } },
      axes: [
        { ...axis, size: 22, space: 70, values: (_, times) => times.map(clockOf) },
        {
          ...axis,
          size: 58,
          space: 30,
          values: (_, values) => values.map((value) => this.#kind.word(value)),
        },
      ],
      series: [
        {},
        ...this.#kind.lines.map(({ name, colour: line }) => ({
          label: name,
          stroke: colour(line),
          width: 1.6,
          fill: this.#kind.lines.length === 1 ? `${colour(line)}1f` : 'transparent',
          points: { show: false },
        })),
      ],
    }
  }
}

const clockOf = (time: number): string =>
  new Date(time * 1000).toLocaleTimeString('en-GB', { hour12: false })
