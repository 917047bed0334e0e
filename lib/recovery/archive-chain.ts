import { RecoveryError } from '../errors/errors.ts'
import { fenced } from './archive-log.ts'
import type { ArchiveHeader, Chain } from './archive-object.ts'
import type { ExecutionRecord, PartitionFacts } from './store.ts'

/** Below this a log is not worth a new image. */
const WORTHWHILE_BYTES = 4 * 1024 * 1024
const WORTHWHILE_OBJECTS = 256
/** An image is as good as so many bytes for each object that it saves a restore from reading. */
const BYTES_PER_OBJECT = 64 * 1024
/** Executions that may begin between two images: fewer than a partition remembers. */
const MOST_BEGINS = 16

/** That of a log in which nothing is yet. */
export const NO_CHAIN: Chain = {
  images: [],
  connected: false,
  objects: 0,
  begins: 0,
  bytes: 0,
  imageBytes: 0,
}

/** The chain that begins anew behind an image; the one before it stays within reach. */
export const behindImage = (
  { images }: Chain,
  image: { readonly first: number; readonly collected: number; readonly bytes: number },
): Chain => ({
  images: [...images, [image.first, image.collected] as const].slice(-2),
  connected: true,
  objects: 0,
  begins: 0,
  bytes: 0,
  imageBytes: image.bytes,
})

/** Whether a restore would have so much to read behind the newest image that another one is due. */
export const imageIsDue = ({ bytes, imageBytes, objects, begins }: Chain): boolean =>
  begins > MOST_BEGINS ||
  bytes > Math.max(WORTHWHILE_BYTES, 2 * imageBytes) ||
  objects > Math.max(WORTHWHILE_OBJECTS, imageBytes / BYTES_PER_OBJECT)

/** Whether all that counts of a partition before the new execution is what the log holds. */
export const continues = (
  last: ArchiveHeader,
  record: ExecutionRecord,
  { executions }: PartitionFacts,
): boolean => {
  const known = executions.find(({ execution }) => execution === last.execution)
  return (
    last.chain.connected &&
    last.chain.begins < MOST_BEGINS &&
    last.to >= record.resumeEpoch &&
    known?.resumeEpoch === last.resumeEpoch &&
    executions.every(
      ({ execution, resumeEpoch }) =>
        execution <= last.execution || resumeEpoch >= record.resumeEpoch,
    )
  )
}

/** Whether an execution may go on with a log; throws where it may not. */
export const checkTakeOver = (
  last: ArchiveHeader | null,
  by: { readonly flowId: string; readonly record: ExecutionRecord; readonly name: string },
): void => {
  if (last === null) return
  if (last.flowId !== by.flowId) {
    throw new RecoveryError(
      `The archived object ${by.name} belongs to the flow "${last.flowId}", not to "${by.flowId}": give ` +
        'each flow an archive of its own.',
    )
  }
  if (last.execution >= by.record.execution) throw fenced(by.name)
}
