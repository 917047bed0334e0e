import { BuildError } from '../../lib/errors/errors.ts'
import type { Clock } from './clock.ts'
import type { FiringPolicy } from './firing.ts'
import type { WindowLogic } from './window-logic.ts'
import type { Windower } from './windower.ts'

/** Makes the logic of one window, new or from a snapshot. */
export type BuildLogic<V, W> = (resume: unknown) => WindowLogic<V, W, unknown>

/** What the keys of a window step have in common. */
export interface WindowPlan<V, W> {
  readonly clock: Clock<V, unknown>
  readonly windower: Windower<unknown>
  readonly logic: BuildLogic<V, W>
  /** Values are applied by time, each when the watermark reaches it; otherwise as they arrive. */
  readonly ordered: boolean
  readonly firing: FiringPolicy | null
}

/**
 * Check that a windower can keep windows past their end where the policy asks for it.
 *
 * @throws BuildError for a windower without `closesAt` and `metadataOf`
 */
export const checkLateness = (
  windower: Windower<unknown>,
  firing: FiringPolicy | null,
  operator: string,
): void => {
  if (firing === null || firing.allowedLateness === 0) return
  const logic = windower.build(null)
  if (logic.closesAt !== undefined && logic.metadataOf !== undefined) return
  throw new BuildError(
    `${operator}: allowedLateness needs a windower whose logic has \`closesAt\` and \`metadataOf\`; ` +
      `${windower.constructor.name} has not both. Add them, or leave allowedLateness out.`,
  )
}
