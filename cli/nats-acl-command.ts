import { natsAcl } from '../cluster/nats-acl.ts'
import { adoptRuns } from '../lib/run/adoption.ts'
import { DONE, type World } from './exit.ts'
import { findFlow } from './find-flow.ts'
import { parseModuleSpec } from './module-spec.ts'
import { UsageError } from './usage-error.ts'

const NATS = 'nats:'

/**
 * Prints what the processes of the flow that `target` names need to be allowed in NATS.
 *
 * @param given.archive - where the flow archives, as `tidemark run` takes it
 * @throws UsageError where there is no such flow, or no such bucket
 */
export const natsAclCommand = async (
  target: string,
  given: { readonly archive?: string },
  { print, directory, variables }: World,
): Promise<number> => {
  const bucket = bucketOf(given.archive ?? variables['TIDEMARK_ARCHIVE'] ?? '')
  try {
    const { flow } = await findFlow(parseModuleSpec(target), directory)
    print(natsAcl(flow.id, bucket))
    return DONE
  } finally {
    adoptRuns(null)
  }
}

/** An archive elsewhere needs nothing of NATS. */
const bucketOf = (archive: string): string | null => {
  if (!archive.startsWith(NATS)) return null
  const bucket = archive.slice(NATS.length)
  if (/^[A-Za-z0-9_-]{1,64}$/.test(bucket)) return bucket
  throw new UsageError(
    `--archive nats:<bucket> takes a name of letters, digits, "-" and "_"; got "${bucket}".`,
  )
}
