import { createHash } from 'node:crypto'

/** What the ids of a trace are made from; the same on all workers. */
export interface TraceRoot {
  readonly seed: string
  /** `null` for the trace of the run itself. */
  readonly epoch: number | null
}

/** Hex digits of an id of a trace, and of a span. */
const TRACE = 32
const SPAN = 16

/**
 * The id of a trace: a hash, so that every worker knows it without being told, and nothing has to
 * travel on the links between them.
 */
export const traceIdOf = ({ seed, epoch }: TraceRoot): string =>
  digest(`trace ${seed} ${epoch ?? 'run'}`, TRACE)

/** The id of the one span of a kind that a trace has: its root, or a worker's share. */
export const spanIdOf = (root: TraceRoot, name: string): string =>
  digest(`span ${root.seed} ${root.epoch ?? 'run'} ${name}`, SPAN)

const digest = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits)
