import type { Outlet } from '../actor/actor.ts'
import { type Block, readBlock } from '../recovery/block.ts'
import type { RecoveryPartition } from '../recovery/store.ts'
import { data, end, frontier } from '../signal/signal.ts'

/** Where the snapshots of one step go. */
export interface LoadTarget extends Outlet {
  /** Takes rows at once, where the step is on this worker and has all of its keys. */
  take?(block: Block): void
}

/**
 * Sends every row of this worker's recovery partitions to the step and worker that go on from it,
 * then the epoch at which the flow resumes, then the end.
 *
 * @returns what was read, and ids of steps that the store knows and the flow does not
 */
export const loadSnapshots = async (
  partitions: readonly RecoveryPartition[],
  resume: {
    readonly epoch: number
    readonly targets: ReadonlyMap<string, LoadTarget>
    /** Resolves when the engine has had time to take what was sent. */
    readonly room: () => Promise<void>
    readonly stopped: () => boolean
    /** What makes the execution durable, between the last row and the first epoch. */
    readonly begin: () => Promise<void>
  },
): Promise<{
  readonly orphans: readonly string[]
  readonly rows: number
  readonly bytes: number
}> => {
  const orphans = new Set<string>()
  let rows = 0
  let bytes = 0
  for (const partition of partitions) {
    for await (const block of partition.load(resume.epoch)) {
      if (resume.stopped()) return { orphans: [], rows, bytes }
      rows += block.rows
      bytes += block.bytes.length
      const target = resume.targets.get(block.stepId)
      if (target === undefined) {
        orphans.add(block.stepId)
        continue
      }
      await give(target, block, resume)
    }
  }
  await resume.begin()
  for (const target of resume.targets.values()) {
    target.send(frontier(resume.epoch))
    target.send(end(0, false))
  }
  return { orphans: [...orphans], rows, bytes }
}

const give = async (
  target: LoadTarget,
  block: Block,
  { room, stopped }: { readonly room: () => Promise<void>; readonly stopped: () => boolean },
): Promise<void> => {
  if (target.take !== undefined) {
    target.take(block)
    await room()
    return
  }
  while (target.full && !stopped()) await room()
  const keys: string[] = []
  const states: Uint8Array[] = []
  readBlock(block, (key, state) => {
    if (state === null) return
    keys.push(key)
    states.push(state)
  })
  target.send(data(0, 0, keys, states))
}
