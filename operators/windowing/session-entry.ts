import { Entry } from '../../lib/state/entry.ts'

/** An open session and what it holds. */
export interface HeldSession {
  /** -1 until it is known: ordered sessions are numbered when they close. */
  readonly id: number
  open: number
  close: number
  held: unknown
  mergedIds: readonly number[]
}

/**
 * What a table keeps of one key. Mostly there is one open session, which lies in fields of the entry;
 * of several all are in `several`, in the order they were opened.
 */
export class SessionEntry extends Entry {
  nextId = 0
  id = 0
  open: number = Number.POSITIVE_INFINITY
  close: number = Number.NEGATIVE_INFINITY
  held: unknown = undefined
  mergedIds: readonly number[] = NO_IDS
  several: HeldSession[] | null = null

  constructor(key: string) {
    super()
    this.$key = key
  }

  isEmpty(): boolean {
    return this.several === null && this.close < this.open
  }

  isSole(): boolean {
    return this.several === null && this.close >= this.open
  }

  sessions(): readonly HeldSession[] {
    if (this.several !== null) return this.several
    return this.isEmpty() ? [] : [this.#sole()]
  }

  /** Takes out the one session that is there. */
  takeSole(): HeldSession {
    const sole = this.#sole()
    this.set([])
    return sole
  }

  /** Puts sessions in place of all that are there. */
  set(sessions: HeldSession[]): void {
    const [first] = sessions
    this.several = sessions.length > 1 ? sessions : null
    const isSole = first !== undefined && sessions.length === 1
    this.id = isSole ? first.id : 0
    this.open = isSole ? first.open : Number.POSITIVE_INFINITY
    this.close = isSole ? first.close : Number.NEGATIVE_INFINITY
    this.held = isSole ? first.held : undefined
    this.mergedIds = isSole ? first.mergedIds : NO_IDS
  }

  #sole(): HeldSession {
    const { id, open, close, held, mergedIds } = this
    return { id, open, close, held, mergedIds }
  }
}

const NO_IDS: readonly number[] = []
