/** Ten minutes, an event a second. */
const MOST = 600

/** What was read lately, a column for each line of a plot; the oldest goes when a new one comes. */
export class History {
  readonly #columns: (number | null)[][]

  constructor(columns: number) {
    this.#columns = Array.from({ length: columns }, () => [])
  }

  add(row: readonly (number | null)[]): void {
    this.#columns.forEach((column, at) => {
      column.push(row[at] ?? null)
      if (column.length > MOST) column.shift()
    })
  }

  /** Nothing is known of a while: lines are broken there. */
  breakOff(time: number): void {
    if ((this.#columns[0]?.length ?? 0) > 0) this.add([time])
  }

  clear(): void {
    for (const column of this.#columns) column.length = 0
  }

  column(at: number): (number | null)[] {
    return this.#columns[at] ?? []
  }
}
