import type { Connection, Standing } from './connection.ts'
import { el, say } from './element.ts'
import { count, span } from './words.ts'

/** The flow's name, how the page stands with it, and what a person can do. */
export class Head {
  readonly header: HTMLElement
  readonly #name = el('h1', {}, ['Tidemark'])
  readonly #standing = el('p', { class: 'standing', role: 'status' })
  readonly #facts = el('p', { class: 'facts' })
  readonly #stop = el('button', { type: 'button', class: 'stop' }, ['Stop'])
  readonly #connection: Connection
  #flow = ''

  constructor(connection: Connection) {
    this.#connection = connection
    const sure = this.#sure()
    this.#stop.addEventListener('click', () => sure.showModal())
    this.#stop.disabled = true
    const brand = el('span', { class: 'brand' }, ['Tidemark'])
    this.header = el('header', {}, [
      el('div', { class: 'title' }, [brand, this.#name]),
      this.#standing,
      this.#facts,
      this.#stop,
      sure,
    ])
    this.#name.hidden = true
  }

  stands(standing: Standing): void {
    this.#standing.dataset['kind'] = standing.kind
    const bad = standing.kind === 'ended' && standing.failure !== null
    this.#standing.toggleAttribute('data-failed', bad)
    say(this.#standing, wordsOf(standing))
    this.#stop.disabled = standing.kind !== 'live'
    const sign = standing.kind === 'live' ? '' : `${titleOf(standing)} · `
    document.title = `${sign}${this.#flow === '' ? '' : `${this.#flow} · `}Tidemark`
  }

  now(flow: string, facts: { readonly workers: number; readonly epoch: number }): void {
    this.#flow = flow
    this.#name.hidden = false
    say(this.#name, flow)
    const workers = facts.workers === 1 ? '1 worker' : `${facts.workers} workers`
    say(this.#facts, `${workers} · epoch ${count(facts.epoch)}`)
    if (this.#standing.dataset['kind'] === 'live') document.title = `${flow} · Tidemark`
  }

  #sure(): HTMLDialogElement {
    const yes = el('button', { type: 'button', class: 'stop' }, ['Stop the flow'])
    const no = el('button', { type: 'button' }, ['Leave it running'])
    const failed = el('p', { class: 'failed', role: 'alert' })
    const dialog = el('dialog', { 'aria-labelledby': 'sure' }, [
      el('h2', { id: 'sure' }, ['Stop this flow?']),
      el('p', {}, [
        'All input ends, and what was read is finished: windows close, sinks are written, the last epoch is committed. Then the flow is over.',
      ]),
      failed,
      el('p', { class: 'choices' }, [no, yes]),
    ])
    no.addEventListener('click', () => dialog.close())
    yes.addEventListener('click', () => {
      yes.disabled = true
      void this.#connection.stop().then((wrong) => {
        yes.disabled = false
        say(failed, wrong ?? '')
        if (wrong === null) dialog.close()
      })
    })
    return dialog
  }
}

const wordsOf = (standing: Standing): string => {
  switch (standing.kind) {
    case 'connecting':
      return 'Connecting…'
    case 'live':
      return 'Live'
    case 'stopping':
      return 'Stopping: what was read is finished'
    case 'lost':
      return `The connection is lost; trying again in ${span(standing.again)}`
    case 'ended':
      return standing.failure === null
        ? 'The flow has ended; this page waits for it to run again'
        : `The flow has failed: ${standing.failure}`
    case 'locked':
      return standing.wrong ? 'This token is not the right one' : 'The API asks for its token'
  }
}

const titleOf = ({ kind }: Standing): string => kind[0]?.toUpperCase() + kind.slice(1)
