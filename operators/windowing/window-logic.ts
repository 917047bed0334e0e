/**
 * What is kept of one window.
 *
 * @typeParam V - type of the values
 * @typeParam W - type of what comes out
 * @typeParam S - what a snapshot keeps
 */
export abstract class WindowLogic<V, W, S> {
  /** A value of the window; what is returned comes out at once. */
  abstract onValue(value: V): Iterable<W>
  /** Another window became part of this one and is gone. */
  abstract onMerge(other: this): Iterable<W>
  /** The window ends; nothing is called after it. */
  abstract onClose(): Iterable<W>
  /** The state to resume from. A copy of the window that fires early is made from it too. */
  abstract snapshot(): S
}
