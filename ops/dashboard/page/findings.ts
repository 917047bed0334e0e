import { examine } from '../../doctor/examine.ts'
import type { TwoLooks } from '../../doctor/flow-now.ts'
import { el, panel, say } from './element.ts'

const WORDS = { good: 'ok', note: 'note', bad: 'bad' } as const

/** What `tidemark doctor` would say, in sentences: what is bad first. */
export class Findings {
  readonly panel: HTMLElement
  readonly #list = el('ul', { class: 'findings' })

  constructor() {
    this.panel = panel('What stands out', this.#list)
  }

  update(looks: TwoLooks): void {
    const order = ['bad', 'note', 'good']
    const found = examine(looks).toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
    while (this.#list.children.length > found.length) this.#list.lastElementChild?.remove()
    found.forEach(({ level, says }, at) => {
      const item = this.#list.children[at] ?? this.#list.appendChild(newItem())
      item.setAttribute('data-level', level)
      const [mark, text] = item.children
      if (mark !== undefined) say(mark, WORDS[level])
      if (text !== undefined) say(text, says)
    })
  }
}

const newItem = (): HTMLLIElement => el('li', {}, [el('span', { class: 'mark' }), el('span')])
