import { placeStep } from '../lib/flow/operator.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream } from '../lib/flow/stream.ts'
import { Entry } from '../lib/state/entry.ts'
import { KeyTable } from '../lib/state/key-table.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import {
  type JoinEmitMode,
  type JoinInsertMode,
  JoinRows,
  type JoinRowsState,
  joinEmitMode,
  joinInsertMode,
  type RowShape,
} from './join-rows.ts'
import { type JoinRow, type JoinSides, sidesOf } from './join-sides.ts'
import { keyedSpec } from './keyed-step.ts'

export interface JoinOptions<Mode extends JoinEmitMode = JoinEmitMode>
  extends StateOptions<JoinRowsState> {
  /**
   * Which values of a side are kept: the `first`, the `last`, or all of them (`product`).
   * @defaultValue 'last'
   */
  readonly insertMode?: JoinInsertMode
  /**
   * When rows come out: once every side has a value (`complete`), when the input has ended
   * (`final`), or with each change (`running`).
   * @defaultValue 'complete'
   */
  readonly emitMode?: Mode
}

/** A complete row has a value of every side. */
type Missing<Mode> = Mode extends 'complete' ? never : null

/**
 * Puts the values of several keyed streams together that have the same key.
 *
 * Rows are all combinations of the values that are kept, the last side changing fastest, with `null`
 * for a side without one. `complete` emits once every side has a value and forgets the key: what
 * follows begins anew. `final` emits when the input has ended, in the order of the keys, and forgets
 * them. `running` emits with each value that changes what is kept and keeps it for good, through the
 * end of input too, so give it a `ttl`. What is kept is part of snapshots.
 *
 * @param id - the step's id
 * @param sides - keyed streams of one flow: a tuple for rows that are tuples, an object for rows
 *   that are objects with the same names
 * @param options - `insertMode`, `emitMode`, and `ttl`, `codec`, `version`, `migrate`
 * @throws BuildError where a side is not keyed, or a mode is none
 *
 * @example
 * ```ts
 * join('profile', { name: names, mail: mails }) // ['7', { name: 'Ada', mail: 'ada@x' }]
 * join('last seen', [logins, logouts], { emitMode: 'running' }) // ['7', [login, null]], ['7', [login, logout]]
 * ```
 */
export const join = <const Sides extends JoinSides, Mode extends JoinEmitMode = 'complete'>(
  id: string,
  sides: Sides,
  options: JoinOptions<Mode> = {},
): KeyedStream<JoinRow<Sides, Missing<Mode>>> => {
  const { streams, shape } = sidesOf(id, 'join', sides)
  const insertMode = joinInsertMode(options.insertMode ?? 'last', `join "${id}"`)
  const emitMode = joinEmitMode(options.emitMode ?? 'complete', `join "${id}"`)
  const spec = keyedSpec({
    id,
    operator: 'join',
    options,
    retryable: true,
    open: (context) => new Joining({ shape, insertMode, emitMode }, context),
  })
  const placed = placeStep({ id, operator: 'join', needsKey: true, gives: 'keyed', spec }, streams)
  return placed[0] as KeyedStream<JoinRow<Sides, Missing<Mode>>>
}

class JoinEntry extends Entry {
  readonly rows: JoinRows

  constructor(rows: JoinRows) {
    super()
    this.rows = rows
  }
}

/** Items a batch at the end of input, so that no batch is as large as the state. */
const BATCH = 4096

class Joining implements Processor {
  readonly table: KeyTable<JoinEntry>
  readonly #emitMode: JoinEmitMode
  readonly #context: ProcessorContext
  #outKeys: string[] = []
  #outRows: unknown[] = []

  constructor(
    modes: {
      readonly shape: RowShape
      readonly insertMode: JoinInsertMode
      readonly emitMode: JoinEmitMode
    },
    context: ProcessorContext,
  ) {
    const { shape, insertMode, emitMode } = modes
    this.#emitMode = emitMode
    this.#context = context
    this.table = new KeyTable({
      make: (_key, resume) =>
        new JoinEntry(new JoinRows(shape, insertMode, resume as JoinRowsState | null)),
      snapshot: (entry) => entry.rows.snapshot(),
    })
  }

  onBatch(keys: readonly string[], values: readonly unknown[], side: number): void {
    const { table } = this
    const mode = this.#emitMode
    for (let at = 0; at < values.length; at++) {
      const key = keys[at] as string
      const known = table.entries.get(key)
      if (known !== undefined) table.touch(known)
      const entry = known ?? table.add(key)
      const changed = entry.rows.insert(side, values[at])
      if (mode === 'running') {
        if (changed) this.#take(entry)
      } else if (mode === 'complete' && entry.rows.isComplete()) {
        this.#take(entry)
        table.remove(entry)
      }
    }
    this.#send()
  }

  onEnd(): void {
    if (this.#emitMode !== 'final') return
    for (const key of [...this.table.entries.keys()].sort()) {
      const entry = this.table.entries.get(key) as JoinEntry
      this.#take(entry)
      this.table.remove(entry)
      if (this.#outRows.length >= BATCH) this.#send()
    }
    this.#send()
  }

  #take(entry: JoinEntry): void {
    for (const row of entry.rows.rows()) {
      this.#outKeys.push(entry.$key)
      this.#outRows.push(row)
    }
  }

  #send(): void {
    this.#context.emit(0, this.#outKeys, this.#outRows)
    this.#outKeys = []
    this.#outRows = []
  }
}
