/**
 * Whether this worker may still act for its execution. Where other processes can give it up, it may
 * not write any more by the time they do: not to the store, not to a sink.
 *
 * A lease that has run out may be held again: nobody has given the worker up then, it has only not
 * heard so in time.
 */
export interface Lease {
  readonly held: boolean
  /** Resolves while or once it is held; rejects when the worker ends before. */
  leased(): Promise<void>
  /** @throws ClusterError where it is not held */
  check(): void
  /** The worker ends: whoever still waits is told. */
  end(): void
}

/** Of workers that nobody else can give up. */
export const LASTING: Lease = {
  held: true,
  leased: () => Promise.resolve(),
  check: () => {},
  end: () => {},
}
