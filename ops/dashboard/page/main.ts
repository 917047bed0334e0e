import type { FlowNow } from '../../doctor/flow-now.ts'
import type { FlowGraph } from '../../visualize/graph.ts'
import { Connection, type Standing } from './connection.ts'
import { el } from './element.ts'
import { Findings } from './findings.ts'
import { GraphView } from './graph-view.ts'
import { Head } from './head.ts'
import { Lock } from './lock.ts'
import { Plots } from './plots.ts'
import { readingsOf } from './readings.ts'
import {
  errorsTable,
  linksTable,
  messagesTable,
  recoveryTable,
  skewTable,
  stepsTable,
  watermarksTable,
  workersTable,
} from './tables.ts'
import { Tiles } from './tiles.ts'

/** Rates are of the last few seconds, so that numbers can be read before they change. */
const LOOKS = 4

/** The whole page: everything on it is made of what the connection brings. */
class Page {
  readonly #connection = new Connection({
    stands: (standing) => this.#stands(standing),
    graph: (graph) => this.#begin(graph),
    now: (now) => this.#now(now),
  })
  readonly #head = new Head(this.#connection)
  readonly #lock = new Lock(this.#connection)
  readonly #tiles = new Tiles()
  readonly #graph = new GraphView()
  readonly #findings = new Findings()
  readonly #plots = new Plots()
  readonly #watermarks = watermarksTable()
  readonly #tables = [
    stepsTable(),
    skewTable(),
    errorsTable(),
    recoveryTable(),
    workersTable(),
    linksTable(),
    messagesTable(),
  ]
  readonly #main = el('main')
  #flow = ''
  #looks: readonly FlowNow[] = []

  open(): void {
    this.#main.append(
      this.#tiles.list,
      this.#graph.panel,
      this.#findings.panel,
      this.#watermarks.panel,
      el('div', { class: 'plots' }, this.#plots.panels),
      ...this.#tables.map((table) => table.panel),
    )
    this.#main.hidden = true
    document.body.replaceChildren(this.#head.header, this.#lock.form, this.#main)
    this.#stands({ kind: 'connecting' })
    this.#connection.open()
  }

  #stands(standing: Standing): void {
    this.#head.stands(standing)
    document.body.dataset['standing'] = standing.kind
    if (standing.kind === 'locked') this.#lock.show()
  }

  /** A connection is made, for the first time or again: rates begin anew. */
  #begin(graph: FlowGraph): void {
    if (graph.flow !== this.#flow) this.#plots.clear()
    const last = this.#looks.at(-1)
    if (last !== undefined) this.#plots.breakOff(last.time)
    this.#flow = graph.flow
    this.#looks = []
    this.#main.hidden = false
    this.#graph.show(graph)
  }

  #now(now: FlowNow): void {
    const latest = this.#looks.at(-1)
    this.#looks = [...this.#looks, now].slice(-LOOKS)
    this.#head.now(now.flow, { workers: now.workers.length, epoch: now.epoch })
    if (latest === undefined) return
    const looks = { before: this.#looks[0] ?? latest, after: now }
    const readings = readingsOf(looks)
    this.#tiles.update(readings, now)
    this.#graph.update(readings)
    this.#findings.update(looks)
    this.#plots.add(now.time, readingsOf({ before: latest, after: now }))
    for (const table of [this.#watermarks, ...this.#tables]) table.update({ looks, readings })
  }
}

new Page().open()
