import { natsAcl } from '../cluster/nats-acl.ts'
import { adoptRuns } from '../lib/run/adoption.ts'
import { DONE, type World } from './exit.ts'
import { findFlow } from './find-flow.ts'
import { parseModuleSpec } from './module-spec.ts'

/**
 * Prints what the processes of the flow that `target` names need to be allowed in NATS.
 *
 * @throws UsageError where there is no such flow
 */
export const natsAclCommand = async (
  target: string,
  { print, directory }: World,
): Promise<number> => {
  try {
    const { flow } = await findFlow(parseModuleSpec(target), directory)
    print(natsAcl(flow.id))
    return DONE
  } finally {
    adoptRuns(null)
  }
}
