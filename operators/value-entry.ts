import { Entry } from '../lib/state/entry.ts'
import { type EntryKind, KeyTable } from '../lib/state/key-table.ts'

/** State that is a plain value. */
export class ValueEntry<S> extends Entry {
  state: S

  constructor(state: S) {
    super()
    this.state = state
  }
}

/** A table of plain values, each of which is its own snapshot. */
export const valueTable = <S>(initial: S): KeyTable<ValueEntry<S>> => {
  const kind: EntryKind<ValueEntry<S>> = {
    make: (_key, resume) => new ValueEntry(resume === null ? initial : (resume as S)),
    snapshot: (entry) => entry.state,
  }
  return new KeyTable(kind)
}
