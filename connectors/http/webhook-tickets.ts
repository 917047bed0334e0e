/** A request that was taken, from its arrival to its answer. */
export interface Ticket {
  /** Its id by the sender, where requests are known again. */
  readonly id: string | null
  /** Which it is of those handed over; 0 while it waits. */
  number: number
  readonly answers: Set<(outcome: Outcome) => void>
}

export type Outcome = 'committed' | 'stopped'

/** How far a webhook source has come: requests handed over, and the last ids among them. */
export interface WebhookPosition {
  readonly requests: number
  readonly ids: readonly string[]
}

/**
 * Who waits for an answer, and which ids were seen.
 *
 * T1. An id is kept from the arrival of its request on; behind the position only ids of requests that
 *     were handed over, so that a resumed flow takes again what it has lost.
 * T2. A request with an id that was seen shares the answer of the first.
 */
export class Tickets {
  readonly #remember: number
  readonly #untilCommit: boolean
  readonly #handed = new Set<string>()
  readonly #uncommitted: Ticket[] = []
  readonly #open = new Map<string, Ticket>()
  #waiting = 0
  #requests: number

  constructor(
    { remember, untilCommit }: { readonly remember: number; readonly untilCommit: boolean },
    resume: WebhookPosition | null,
  ) {
    this.#remember = remember
    this.#untilCommit = untilCommit
    this.#requests = resume?.requests ?? 0
    for (const id of resume?.ids ?? []) this.#handed.add(id)
  }

  /** Requests that are not durable yet. */
  get size(): number {
    return this.#waiting + this.#uncommitted.length
  }

  get position(): WebhookPosition {
    return { requests: this.#requests, ids: [...this.#handed] }
  }

  /** The request of this id that is not durable yet; `durable` where it is; `null` where it is new. */
  find(id: string): Ticket | 'durable' | null {
    return this.#open.get(id) ?? (this.#handed.has(id) ? 'durable' : null)
  }

  open(id: string | null): Ticket {
    const ticket: Ticket = { id, number: 0, answers: new Set() }
    if (id !== null) this.#open.set(id, ticket)
    this.#waiting += 1
    return ticket
  }

  handOver(ticket: Ticket): void {
    this.#requests += 1
    ticket.number = this.#requests
    this.#waiting -= 1
    if (this.#untilCommit) this.#uncommitted.push(ticket)
    if (ticket.id === null) return
    if (!this.#untilCommit) this.#open.delete(ticket.id)
    this.#handed.add(ticket.id)
    for (const oldest of this.#handed) {
      if (this.#handed.size <= this.#remember) break
      this.#handed.delete(oldest)
    }
  }

  commit({ requests }: WebhookPosition): void {
    const from = this.#uncommitted.findIndex(({ number }) => number > requests)
    const durable = this.#uncommitted.splice(0, from < 0 ? this.#uncommitted.length : from)
    for (const ticket of durable) this.#settle(ticket, 'committed')
  }

  /** Nothing that is not durable by now will be. */
  stop(): void {
    for (const ticket of this.#uncommitted.splice(0)) this.#settle(ticket, 'stopped')
  }

  settleWaiting(ticket: Ticket): void {
    this.#waiting -= 1
    this.#settle(ticket, 'stopped')
  }

  #settle(ticket: Ticket, outcome: Outcome): void {
    if (ticket.id !== null) this.#open.delete(ticket.id)
    for (const answer of ticket.answers) answer(outcome)
    ticket.answers.clear()
  }
}
