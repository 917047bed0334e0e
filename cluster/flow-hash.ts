import { createHash } from 'node:crypto'
import type { Dataflow } from '../lib/flow/dataflow.ts'

/**
 * What tells flows of different shape apart: the flow's id, and of each step its id, its operator and
 * where its input comes from. What callbacks do is not seen.
 */
export const flowHash = (flow: Dataflow): string => {
  const steps = flow.steps.map(({ id, operator, spec, ups }) => [
    id,
    operator,
    spec.kind,
    ups.map(({ step, port }) => [step.index, port]),
  ])
  return createHash('sha256')
    .update(JSON.stringify([flow.id, steps]))
    .digest('hex')
    .slice(0, 32)
}
