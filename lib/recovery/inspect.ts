import { LockedPartitionError, TidemarkError } from '../errors/errors.ts'
import { systemRuntime } from '../runtime/system.ts'
import { BlockCursor } from './block.ts'
import { findStore, type PartitionPlace } from './directory.ts'
import { openPartition, openPartitions } from './open-partition.ts'
import type { LogPartition } from './partition.ts'
import { resumePoint } from './resume.ts'
import type { ExecutionRecord, PartitionFacts, StoreHost } from './store.ts'
import { inDirectory } from './unusable.ts'

/** What one step has in a store. */
interface StepReport {
  readonly stepId: string
  readonly keys: number
  /** Keys and states, as they are packed. */
  readonly bytes: number
  /** Not a step of the flow given, or else of the last execution; `null` where neither is known. */
  readonly orphaned: boolean | null
}

/** What one recovery partition knows, or what is wrong with it. */
interface PartitionReport {
  readonly index: number
  readonly path: string
  readonly frontier: PartitionFacts['frontier']
  readonly collected: number | null
  readonly damage: string | null
}

/** A store as `tidemark recovery inspect` prints it. */
export interface StoreReport {
  readonly directory: string
  readonly store: string
  readonly flowId: string | null
  /** The newest ones, oldest first. */
  readonly executions: readonly ExecutionRecord[]
  /** The epoch that a run would resume at, or at most where others have a say; `null` where none can. */
  readonly resumeEpoch: number | null
  /** The stores of other processes, without which the flow does not resume. */
  readonly elsewhere: readonly string[]
  readonly partitions: readonly PartitionReport[]
  readonly steps: readonly StepReport[]
  /** Everything that keeps a flow from resuming, in words. */
  readonly damage: readonly string[]
}

const host: StoreHost = { runtime: systemRuntime, alarm: () => undefined }

/**
 * Reads a store as a whole: every block of every partition is checked.
 *
 * Damage is part of the report; that the store is in use, or is none, is an error.
 *
 * @param options.steps - the ids of the flow's steps as the store has them; those that had state in
 * the last execution unless given
 */
export const inspectStore = (
  directory: string,
  options: { readonly steps?: readonly string[] } = {},
): Promise<StoreReport> => inDirectory(directory, () => reportOf(directory, options))

const reportOf = async (
  directory: string,
  options: { readonly steps?: readonly string[] },
): Promise<StoreReport> => {
  const { partitions } = await findStore(directory)
  const opened: LogPartition[] = []
  const damage: string[] = []
  const reports: PartitionReport[] = []
  try {
    for (const place of partitions) {
      const partition = await openOr(place, damage)
      if (partition !== null) opened.push(partition)
      reports.push(partitionReport(place, partition, damage.at(-1)))
    }
    const facts = opened.map((partition) => partition.facts)
    const executions = longest(facts)
    const known = options.steps ?? executions.at(-1)?.steps ?? null
    const elsewhere = storesElsewhere(facts)
    const resumeEpoch = damage.length > 0 ? null : resumeEpochOf(facts, { elsewhere, damage })
    const steps =
      resumeEpoch === null ? [] : await stepReports(opened, { resumeEpoch, damage, known })
    return {
      directory,
      store: partitions[0]?.identity.store ?? '',
      flowId: facts.find((part) => part.flowId !== null)?.flowId ?? null,
      executions,
      resumeEpoch: damage.length > 0 ? null : resumeEpoch,
      elsewhere,
      partitions: reports,
      steps,
      damage,
    }
  } finally {
    await Promise.all(opened.map((partition) => partition.close()))
  }
}

/**
 * Removes every row of a step, as of one that was renamed. All partitions are locked before the
 * first row goes, so that nothing is removed beside a flow that runs.
 *
 * @returns how many blocks were removed; 0 means that the store does not know the step.
 */
export const removeStep = (directory: string, stepId: string): Promise<number> =>
  inDirectory(directory, async () => {
    const { partitions } = await findStore(directory)
    const opened = await openPartitions(partitions, { host, backupInterval: 0 })
    try {
      let removed = 0
      for (const partition of opened) removed += await partition.forget(stepId)
      return removed
    } finally {
      await Promise.all(opened.map((partition) => partition.close()))
    }
  })

const openOr = async (place: PartitionPlace, damage: string[]): Promise<LogPartition | null> => {
  try {
    return await openPartition(place, { host, backupInterval: 0 })
  } catch (error) {
    damage.push(damageMessage(error))
    return null
  }
}

/** What else the newest execution kept its state in: the stores of other processes of a cluster. */
const storesElsewhere = (facts: readonly PartitionFacts[]): readonly string[] => {
  const here = new Set(facts.map(({ store }) => store))
  const { stores = [] } = longest(facts).at(-1) ?? {}
  return stores.filter((store) => !here.has(store))
}

/** As far as the partitions can say that are here. */
const resumeEpochOf = (
  facts: readonly PartitionFacts[],
  { elsewhere, damage }: { readonly elsewhere: readonly string[]; readonly damage: string[] },
): number | null => {
  const own = facts.map((part) => ({
    ...part,
    executions: part.executions.map((record) => ({
      ...record,
      stores: record.stores.filter((store) => !elsewhere.includes(store)),
    })),
  }))
  try {
    return resumePoint(own).resumeEpoch
  } catch (error) {
    damage.push(damageMessage(error))
    return null
  }
}

/** Only what is wrong with the store is part of a report about it. */
const damageMessage = (error: unknown): string => {
  if (error instanceof TidemarkError && !(error instanceof LockedPartitionError))
    return error.message
  throw error
}

const partitionReport = (
  place: PartitionPlace,
  partition: LogPartition | null,
  damage: string | undefined,
): PartitionReport => ({
  index: place.identity.index,
  path: place.path,
  frontier: partition?.facts.frontier ?? null,
  collected: partition?.facts.collected ?? null,
  damage: partition === null ? (damage ?? null) : null,
})

const stepReports = async (
  partitions: readonly LogPartition[],
  options: {
    readonly resumeEpoch: number
    readonly damage: string[]
    readonly known: readonly string[] | null
  },
): Promise<readonly StepReport[]> => {
  const found = new Map<string, { keys: number; bytes: number }>()
  for (const partition of partitions) {
    try {
      for await (const block of partition.load(options.resumeEpoch)) {
        const step = found.get(block.stepId) ?? { keys: 0, bytes: 0 }
        const cursor = new BlockCursor(block)
        while (cursor.next()) step.bytes += cursor.rowEnd - cursor.rowStart
        step.keys += block.rows
        found.set(block.stepId, step)
      }
    } catch (error) {
      options.damage.push(damageMessage(error))
    }
  }
  const { known } = options
  return [...found]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([stepId, counts]) => ({
      stepId,
      ...counts,
      orphaned: known === null ? null : !known.includes(stepId),
    }))
}

const longest = (facts: readonly PartitionFacts[]): readonly ExecutionRecord[] =>
  facts.reduce<readonly ExecutionRecord[]>(
    (best, { executions }) =>
      (executions.at(-1)?.execution ?? -1) > (best.at(-1)?.execution ?? -1) ? executions : best,
    [],
  )
