import { TidemarkError } from './errors.ts'
import { preview } from './preview.ts'
import { userLine } from './user-line.ts'

/** Where and on what user code threw. */
export interface StepFacts {
  /** The step's full id, the flow's name first. */
  readonly stepId: string
  /** What the user knows the code as: `mapper`, `StatefulLogic.onItem`, `nextBatch`. */
  readonly callback: string
  readonly worker: number
  readonly epoch: number
  readonly key?: string
  readonly part?: string
  /** The item at hand; absent where there was none. */
  readonly item?: unknown
}

/** User code threw, or gave back what it must not. */
export class StepError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_STEP'
  readonly stepId: string
  readonly callback: string
  readonly worker: number
  readonly epoch: number
  readonly key?: string
  readonly part?: string
  readonly item?: unknown

  constructor(facts: StepFacts, cause: unknown) {
    super(sentence(facts, cause), { cause })
    this.stepId = facts.stepId
    this.callback = facts.callback
    this.worker = facts.worker
    this.epoch = facts.epoch
    if (facts.key !== undefined) this.key = facts.key
    if (facts.part !== undefined) this.part = facts.part
    if ('item' in facts) this.item = facts.item
  }
}

const sentence = (facts: StepFacts, cause: unknown): string => {
  const where = userLine(cause)
  return [
    `Step "${facts.stepId}" failed in ${facts.callback}`,
    facts.key === undefined ? '' : ` for key ${preview(facts.key)}`,
    facts.part === undefined ? '' : ` of partition ${preview(facts.part)}`,
    'item' in facts ? ` on ${preview(facts.item)}` : '',
    `: ${reason(cause)}`,
    where === undefined ? '' : ` (at ${where})`,
  ].join('')
}

/** What an error says, in short. */
export const reason = (cause: unknown): string => {
  if (!(cause instanceof Error)) return `${preview(cause)} was thrown`
  return cause.name === 'Error' || cause instanceof TidemarkError
    ? cause.message
    : `${cause.name}: ${cause.message}`
}
