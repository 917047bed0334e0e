import type { Signal } from '../signal/signal.ts'

/** What workers tell one another outside the edges. */
export type Control =
  /** The pacer has opened `epoch`; with `stop`, nothing is read any more: input ends, or only pauses. */
  | { readonly kind: 'pace'; readonly epoch: number; readonly stop: 'drain' | 'halt' | null }
  /** A worker asks the pacer for the next epoch. */
  | { readonly kind: 'cut' }
  /** A worker asks the pacer to stop the flow. */
  | { readonly kind: 'stop'; readonly drain: boolean }

/** What a worker does with what reaches it. */
export interface Receiver {
  signal(from: number, edge: number, signal: Signal): void
  /** Worker `from` has taken `items` of edge `edge`. */
  credit(from: number, edge: number, items: number): void
  control(from: number, control: Control): void
}

/** How a link to another worker is doing; plain data. */
export interface LinkNow {
  /** The worker at the other end. */
  readonly to: number
  /** Bytes that it has not acknowledged. */
  readonly pending: number
  /** Frames that were sent again, since they or their acknowledgment were lost. */
  readonly resent: number
  /** Bytes that were sent for the first time, and those of them that it has acknowledged. */
  readonly sent: number
  readonly acknowledged: number
}

/**
 * How one worker reaches the others: reliably, and for each pair of workers in the order sent.
 * What does not hold that promise ends the execution instead.
 */
export interface Network {
  readonly index: number
  readonly count: number
  /** Those of its links that leave the process. */
  readonly links?: readonly LinkNow[]
  attach(receiver: Receiver): void
  send(to: number, edge: number, signal: Signal): void
  grant(to: number, edge: number, items: number): void
  control(to: number, control: Control): void
}

/** Agreement among the workers of an execution, used while it starts. */
export interface Group {
  /** Resolves with what each worker gave under `topic`, in worker order, once all have. */
  gather<T>(topic: string, value: T): Promise<readonly T[]>
}
