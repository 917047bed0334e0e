import { Entry } from './entry.ts'

/** What a callback of a logic object gives back: items alone, or items and whether to forget the key. */
export type Emit<W> = Iterable<W> | { readonly emit: Iterable<W>; readonly discard?: boolean }

const NOTHING: readonly never[] = []

/**
 * What every keyed logic shares: one object a key, made for the first item or from a snapshot.
 *
 * The engine's own fields of a key are declared here, in {@link Entry}, so that a key costs one
 * object and not two.
 */
export abstract class KeyedLogic<W, S> extends Entry {
  /** The time that `notifyAt` named has come. */
  onNotify(): Emit<W> {
    return NOTHING
  }

  /** All input has ended; what is kept is found again by a run that continues. */
  onEof(): Emit<W> {
    return NOTHING
  }

  /** Epoch milliseconds at which to be notified; `null` cancels. Asked after every other call. */
  notifyAt(): number | null {
    return null
  }

  /**
   * The state to resume from; asked at the end of each epoch in which the key changed, and by
   * queries. It is encoded at once, so a live object may be given without copying it.
   */
  abstract snapshot(): S
}

/** Keyed state that sees one item at a time. */
export abstract class StatefulLogic<V, W, S> extends KeyedLogic<W, S> {
  abstract onItem(value: V): Emit<W>
}

/** Keyed state that sees all values of a batch that have its key. */
export abstract class StatefulBatchLogic<V, W, S> extends KeyedLogic<W, S> {
  abstract onBatch(values: V[]): Emit<W>
}
