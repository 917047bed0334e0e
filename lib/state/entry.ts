/**
 * The engine's part of what is kept for a key.
 *
 * E1. `$stamp` is 0 while the newest row of the key says all there is to say.
 * E2. It is the epoch of the change while a row for it is owed; a key touched again in a later
 *     epoch has its owed row encoded first, so no state is ever copied for a snapshot.
 * E3. It is negative when the row owed is a tombstone.
 *
 * The `$` keeps these fields apart from those of a user's own class. All are small integers, so a
 * key without a timer costs no number of its own.
 */
export abstract class Entry {
  /** The key that the entry keeps state for. */
  $key = ''
  $stamp = 0
  /** Where its notification stands in the timer heap; -1 without one. */
  $place = -1
  /** The period in which an item last reached it, where a `ttl` counts; else 0. */
  $seen = 0
}
