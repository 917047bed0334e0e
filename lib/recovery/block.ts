/** Rows of one step at the end of one epoch, packed: what travels to a recorder and into a store. */
export interface Block {
  /** The step's id as written in the flow, scopes included, without the flow's name. */
  readonly stepId: string
  readonly epoch: number
  readonly rows: number
  readonly bytes: Uint8Array
}
