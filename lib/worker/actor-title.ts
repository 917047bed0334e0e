import type { Actor } from '../actor/actor.ts'
import { ChainBehavior } from './chain-behavior.ts'

/** What an actor does, as people call it. */
export const actorTitle = ({ behavior, name }: Actor, flowId: string): string => {
  const steps = behavior instanceof ChainBehavior ? behavior.stepIds : [name]
  const [first = name] = steps
  const last = steps.at(-1) ?? first
  return steps.length < 2
    ? `step "${flowId}.${first}"`
    : `one of the steps from "${flowId}.${first}" to "${flowId}.${last}"`
}
