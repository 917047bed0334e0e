import type { Connection } from './connection.ts'
import { el } from './element.ts'

/** Asks for the token of the API, where it has one. */
export class Lock {
  readonly form: HTMLFormElement
  readonly #input = el('input', {
    id: 'token',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: '',
  })

  constructor(connection: Connection) {
    this.form = el('form', { class: 'lock panel' }, [
      el('label', { for: 'token' }, ['Token of the API (TIDEMARK_API_TOKEN)']),
      el('div', { class: 'choices' }, [
        this.#input,
        el('button', { type: 'submit' }, ['Look at the flow']),
      ]),
      el('p', { class: 'empty' }, ['It is kept by this tab until the tab is closed.']),
    ])
    this.form.hidden = true
    this.form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.form.hidden = true
      connection.unlock(this.#input.value)
    })
  }

  show(): void {
    this.form.hidden = false
    this.#input.value = ''
    this.#input.focus()
  }
}
