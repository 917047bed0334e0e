import {
  InconsistentPartitionsError,
  MissingPartitionsError,
  NoPartitionsError,
  RecoveryError,
} from '../errors/errors.ts'
import type { PartitionFacts } from './store.ts'

/** Where a flow goes on. */
export interface ResumePoint {
  /** The number of the execution that is to begin. */
  readonly execution: number
  /** Its first epoch: state is taken from the rows before it. */
  readonly resumeEpoch: number
  /**
   * The ids of the stores that take part, to be kept in the new execution's record. A store that is
   * new to the flow takes none: were its partitions added, keys would move away from their rows.
   */
  readonly stores: readonly string[]
}

/**
 * Computes where a flow resumes from what all partitions of all its stores know.
 *
 * Of the newest execution N anywhere, each partition has its durable frontier, or N's resume epoch
 * where it never wrote one: the flow resumes at their minimum, as execution N + 1. A store
 * that is new to the flow takes no part. Nothing stored: execution 0, epoch 1.
 *
 * @throws NoPartitionsError, MissingPartitionsError or InconsistentPartitionsError for partitions that
 * are not whole, RecoveryError for those of another flow.
 */
export const resumePoint = (facts: readonly PartitionFacts[], flowId?: string): ResumePoint => {
  checkWhole(facts)
  checkOwner(facts, flowId)
  const stores = [...new Set(facts.map(({ store }) => store))].sort()
  const newest = facts
    .flatMap(({ executions }) => executions)
    .reduce<PartitionFacts['executions'][number] | null>(
      (best, record) => (best === null || record.execution > best.execution ? record : best),
      null,
    )
  if (newest === null) return { execution: 0, resumeEpoch: 1, stores }
  const absent = newest.stores.filter((store) => !stores.includes(store))
  if (absent.length > 0) {
    throw new MissingPartitionsError(
      `Execution ${newest.execution} also kept its state in ${named('store', absent)}, of which no ` +
        'partition is here. Make the recovery directories of all its processes readable.',
    )
  }
  const members = facts.filter(({ store }) => newest.stores.includes(store))
  const resumeEpoch = Math.min(
    ...members.map(({ frontier }) =>
      frontier !== null && frontier.execution === newest.execution
        ? Math.max(frontier.epoch, newest.resumeEpoch)
        : // One that was restored from an archive may have been left behind.
          Math.min(frontier?.epoch ?? newest.resumeEpoch, newest.resumeEpoch),
    ),
  )
  checkAges(members, { newest: newest.execution, resumeEpoch })
  return { execution: newest.execution + 1, resumeEpoch, stores: newest.stores }
}

/**
 * Whether more may have been committed than there is to resume from: where partitions come from an
 * archive that was not waited for, and the others can't show that nothing is missing.
 */
export const mayBeBehind = (
  facts: readonly PartitionFacts[],
  at: Pick<ResumePoint, 'resumeEpoch' | 'stores'>,
): boolean => {
  const members = facts.filter(({ store }) => at.stores.includes(store))
  if (members.every(({ uncertain }) => uncertain !== true)) return false
  // Nothing was ever committed that one of them had not made durable.
  const sure = members.filter(({ uncertain, frontier }) => uncertain !== true && frontier !== null)
  const bound = Math.min(...sure.map(({ frontier }) => frontier?.epoch ?? 0))
  return sure.length === 0 || at.resumeEpoch < bound
}

const checkWhole = (facts: readonly PartitionFacts[]): void => {
  if (facts.length === 0) {
    throw new NoPartitionsError(
      'There is no recovery partition. Make a store with `tidemark recovery init <dir> <partitions>`.',
    )
  }
  for (const parts of byStore(facts)) checkStore(parts)
}

const checkStore = (parts: readonly PartitionFacts[]): void => {
  const counts = new Set(parts.map(({ count }) => count))
  if (counts.size > 1) {
    throw new InconsistentPartitionsError(
      `The recovery partitions disagree on how many they are: ${parts
        .map(({ place, count }) => `${place} is one of ${count}`)
        .join(', ')}. Put the directory back as it was, from one backup.`,
    )
  }
  const [count = 0] = counts
  const present = new Set(parts.map(({ index }) => index))
  if (present.size < parts.length) {
    throw new InconsistentPartitionsError(
      `A recovery partition is there twice: ${parts.map(({ place }) => place).join(', ')}. Keep one copy.`,
    )
  }
  const missing = Array.from({ length: count }, (_, index) => index).filter(
    (index) => !present.has(index),
  )
  if (missing.length > 0) throw new MissingPartitionsError(missingMessage(missing, count))
}

export const missingMessage = (missing: readonly number[], count: number): string =>
  `${named(
    'Recovery partition',
    missing.map((index) => `part-${index}`),
  )} of ${count} ` +
  `${missing.length === 1 ? 'is' : 'are'} missing. Put ${missing.length === 1 ? 'it' : 'them'} back ` +
  'from a backup; without all of them nothing is resumed.'

const checkOwner = (facts: readonly PartitionFacts[], flowId: string | undefined): void => {
  const owners = facts.filter((part) => part.flowId !== null)
  const wanted = flowId ?? owners[0]?.flowId
  const other = owners.find((part) => part.flowId !== wanted)
  if (other === undefined) return
  throw new RecoveryError(
    `The recovery partition ${other.place} belongs to the flow "${other.flowId}", not to "${wanted}": a ` +
      'store belongs to one flow id. Give each flow a recovery directory of its own.',
  )
}

const checkAges = (
  members: readonly PartitionFacts[],
  at: { readonly newest: number; readonly resumeEpoch: number },
): void => {
  const ahead = members.filter(({ collected }) => collected > at.resumeEpoch)
  if (ahead.length === 0) return
  const old = members.filter(
    ({ frontier }) =>
      frontier === null || frontier.execution < at.newest || frontier.epoch <= at.resumeEpoch,
  )
  const reach = Math.max(...ahead.map(({ collected }) => collected))
  throw new InconsistentPartitionsError(
    `${named(
      'Recovery partition',
      old.map(({ place }) => place),
    )} ${old.length === 1 ? 'is' : 'are'} too ` +
      `old: ${old.length === 1 ? 'it ends' : 'they end'} at epoch ${at.resumeEpoch}, and others no longer ` +
      `keep what is needed to resume before epoch ${reach}. Restore newer copies of the old ones; a ` +
      'longer backup interval allows for older copies.',
  )
}

const byStore = (facts: readonly PartitionFacts[]): Iterable<readonly PartitionFacts[]> => {
  const stores = new Map<string, PartitionFacts[]>()
  for (const part of facts) {
    const parts = stores.get(part.store)
    if (parts === undefined) stores.set(part.store, [part])
    else parts.push(part)
  }
  return stores.values()
}

const named = (what: string, names: readonly string[]): string =>
  `${names.length === 1 ? what : `${what}s`} ${names.join(', ')}`
