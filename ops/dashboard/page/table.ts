import { el, panel, say } from './element.ts'

/** How a cell is meant. */
export type Tone = 'hot' | 'warm' | 'mute' | ''

/** What stands in a cell; with `share`, a bar of that length lies behind it. */
interface Cell {
  readonly text: string
  readonly share?: number
  readonly tone?: Tone
}

export type Row = readonly (Cell | string)[]

/** A table whose rows are changed in place, so that what a person selects or hears goes on. */
export class Table {
  readonly panel: HTMLElement
  readonly #body = el('tbody')
  readonly #table: HTMLTableElement
  readonly #empty: HTMLElement
  readonly #heads: readonly string[]

  /** @param heads - of the columns; those that begin with `#` hold numbers, with `~` long texts */
  constructor(title: string, heads: readonly string[], empty: string) {
    this.#heads = heads
    const row = heads.map((head) =>
      el('th', { scope: 'col', class: kindOf(head) }, [head.replace(/^[#~]/, '')]),
    )
    this.#table = el('table', {}, [el('thead', {}, [el('tr', {}, row)]), this.#body])
    this.#empty = el('p', { class: 'empty' }, [empty])
    const frame = el('div', { class: 'rows', tabindex: '0', role: 'region', 'aria-label': title }, [
      this.#table,
    ])
    this.panel = panel(title, frame, this.#empty)
    this.fill([])
  }

  fill(rows: readonly Row[]): void {
    this.#table.hidden = rows.length === 0
    this.#empty.hidden = rows.length > 0
    while (this.#body.rows.length > rows.length) this.#body.deleteRow(-1)
    rows.forEach((row, at) => {
      this.#fillRow(this.#body.rows[at] ?? this.#body.insertRow(), row)
    })
  }

  #fillRow(line: HTMLTableRowElement, row: Row): void {
    row.forEach((each, at) => {
      const cell = line.cells[at] ?? line.insertCell()
      const { text, share, tone = '' }: Cell = typeof each === 'string' ? { text: each } : each
      say(cell, text)
      cell.className = [kindOf(this.#heads[at] ?? ''), tone, share === undefined ? '' : 'bar']
        .filter(Boolean)
        .join(' ')
      if (share !== undefined) cell.style.setProperty('--share', `${Math.round(100 * share)}%`)
    })
  }
}

const kindOf = (head: string): string => {
  if (head.startsWith('#')) return 'number'
  return head.startsWith('~') ? 'long' : ''
}
