import type { NexmarkEvent } from '../model.ts'

/**
 * A query as somebody would write it who needs this query and nothing else: one loop over the same
 * batches, keys as numbers, input known to be in order, and the same rows handed to the same sink.
 */
export type Hand<Row> = (
  batches: readonly (readonly NexmarkEvent[])[],
  sink: (rows: Row[]) => void,
) => void
