import type { FlowNow } from '../../doctor/flow-now.ts'
import { el, say } from './element.ts'
import type { Readings } from './readings.ts'
import { count, rate, span } from './words.ts'

type Read = (readings: Readings, now: FlowNow) => string

const TILES: readonly (readonly [title: string, read: Read])[] = [
  ['Items in', ({ rateIn }) => rate(rateIn)],
  ['Items out', ({ rateOut }) => rate(rateOut)],
  ['Waiting', ({ waiting }) => count(waiting)],
  ['Watermark behind', ({ behind }) => (behind === null ? '–' : span(behind))],
  [
    'Since last commit',
    (_, { sinceCommit }) => (sinceCommit === null ? '–' : span(sinceCommit * 1000)),
  ],
  ['Failed items', (_, { skipped }) => count(skipped)],
]

/** The few numbers that are looked at first. */
export class Tiles {
  readonly list: HTMLElement
  readonly #values: readonly HTMLElement[]

  constructor() {
    this.#values = TILES.map(() => el('dd', {}, ['–']))
    const tiles = TILES.map(([title], at) =>
      el('div', {}, [el('dt', {}, [title]), this.#values[at] ?? '']),
    )
    this.list = el('dl', { class: 'tiles' }, tiles)
  }

  update(readings: Readings, now: FlowNow): void {
    TILES.forEach(([, read], at) => {
      const value = this.#values[at]
      if (value !== undefined) say(value, read(readings, now))
    })
  }
}
