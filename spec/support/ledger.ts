import type { Plan } from '../../cluster/control.ts'

/** Something that an execution did to what all executions share. */
export interface Act {
  readonly at: number
  readonly process: number
  readonly plan: Plan
}

/** Where executions leave what they commit. It knows no locks: only leases keep them apart. */
export class Ledger {
  readonly acts: Act[] = []
  readonly wrong: string[] = []
  /** By epoch. */
  readonly #committed = new Map<number, Plan>()
  readonly #over = new Set<string>()
  #current: string | null = null
  /** Which plan was taken up under a number. */
  readonly #tokens = new Map<number, Set<string>>()

  get epochs(): number {
    return this.#committed.size
  }

  /** Numbers under which more than one plan was taken up. */
  get doubled(): readonly number[] {
    return [...this.#tokens].flatMap(([number, { size }]) => (size > 1 ? [number] : []))
  }

  takeUp({ execution, token }: Plan): void {
    const tokens = this.#tokens.get(execution) ?? new Set()
    this.#tokens.set(execution, tokens.add(token))
  }

  act(act: Act): void {
    const { process, plan } = act
    this.acts.push(act)
    if (this.#over.has(plan.token)) {
      this.wrong.push(`process ${process} acted for ${plan.execution} after a later execution`)
    }
    if (this.#current !== null && this.#current !== plan.token) this.#over.add(this.#current)
    this.#current = plan.token
  }

  commit(epoch: number, plan: Plan): void {
    const before = this.#committed.get(epoch)
    if (before !== undefined) {
      this.wrong.push(`epoch ${epoch} is committed by ${before.execution} and ${plan.execution}`)
    }
    this.#committed.set(epoch, plan)
  }
}
