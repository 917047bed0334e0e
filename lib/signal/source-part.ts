/**
 * A partition of a source as the steps of its worker see it, up to the first exchange.
 *
 * The source keeps it up to date; steps that follow event time per partition read it, and may ask
 * the source to leave a partition alone that has run too far ahead of the others.
 */
export class SourcePart {
  /** The source's step id. */
  readonly stepId: string
  readonly name: string
  ended = false
  /** Milliseconds in which it could have given items since it last gave one, and gave none. */
  idleFor = 0
  /** Whether its worker sleeps until there is something to read, so that `idleFor` is growing. */
  resting = false
  /** Set by a step that follows event time: do not poll until it is cleared. */
  ahead = false

  constructor(stepId: string, name: string) {
    this.stepId = stepId
    this.name = name
  }
}
