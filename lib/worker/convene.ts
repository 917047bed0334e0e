import { AbortExecution, BuildError, ConnectorError } from '../errors/errors.ts'
import { preview } from '../errors/preview.ts'
import { StepError } from '../errors/step-error.ts'
import { assignPartitions } from '../exchange/assignment.ts'
import type { Group, Network } from '../exchange/network.ts'
import type { Dataflow } from '../flow/dataflow.ts'
import { FixedPartitionedSink } from '../flow/sink.ts'
import { FixedPartitionedSource } from '../flow/source.ts'
import type { Step } from '../flow/step.ts'
import { mayBeBehind, resumePoint } from '../recovery/resume.ts'
import type { ExecutionRecord, RecoveryPartition } from '../recovery/store.ts'

/** What all workers of an execution agree on before it starts. */
export interface Agreed {
  readonly record: ExecutionRecord
  /** The epoch it begins with. */
  readonly epoch: number
  /** The state comes from an archive that may be behind what was committed. */
  readonly rewinds: boolean
  /** The worker that writes each recovery partition; empty where no snapshots are kept. */
  readonly recorders: readonly number[]
  /** The numbers of this worker's own recovery partitions among all. */
  readonly numbers: readonly number[]
  /** Those partitions: of its own all but those of a store that is new to the flow. */
  readonly partitions: readonly RecoveryPartition[]
  /** The partitions of each source step, and the worker of each. */
  readonly sources: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** The partitions of each partitioned sink step, in the sink's order, and the worker of each. */
  readonly sinks: ReadonlyMap<
    string,
    { readonly names: readonly string[]; readonly owners: readonly number[] }
  >
}

interface Convention {
  readonly flow: Dataflow
  readonly group: Group
  readonly network: Network
  readonly partitions: readonly RecoveryPartition[]
  /** Whether snapshots are kept. */
  readonly durable: boolean
}

/**
 * Agrees with the other workers on where to resume and who reads and writes what. Each of them
 * computes the same answer from what all have said.
 */
export const convene = async (with_: Convention): Promise<Agreed> => {
  const resume = await agreeOnResume(with_)
  const taken = Array.from({ length: with_.network.count }, () => 0)
  const sources = new Map<string, ReadonlyMap<string, number>>()
  const sinks = new Map<string, { names: readonly string[]; owners: readonly number[] }>()
  for (const step of with_.flow.steps) {
    if (step.spec.kind === 'source' && step.spec.source instanceof FixedPartitionedSource) {
      sources.set(step.id, await agreeOnSource(with_, step, taken))
    }
    if (step.spec.kind === 'sink' && step.spec.sink instanceof FixedPartitionedSink) {
      sinks.set(step.id, await agreeOnSink(with_, step))
    }
  }
  return { ...resume, sources, sinks }
}

const agreeOnResume = async ({ flow, group, network, partitions, durable }: Convention) => {
  if (!durable) {
    const none = { recorders: [], numbers: [], partitions: [] }
    return { record: NO_RECORD, epoch: 1, rewinds: false, ...none }
  }
  const facts = await group.gather(
    'partitions',
    partitions.map((partition) => partition.facts),
  )
  const { execution, resumeEpoch, stores } = resumePoint(facts.flat(), flow.id)
  const rewinds = mayBeBehind(facts.flat(), { resumeEpoch, stores })
  const places = facts
    .flatMap((own, worker) => own.map(({ store, index }) => ({ worker, store, index })))
    // Rows are found again by their place among the partitions: a new store must move none.
    .filter(({ store }) => stores.includes(store))
    .map(({ worker, store, index }) => ({ worker, name: partitionName(store, index) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const names = places.map(({ name }) => name)
  const members = partitions.filter(({ facts: { store } }) => stores.includes(store))
  return {
    record: { execution, resumeEpoch, workers: network.count, stores },
    epoch: resumeEpoch,
    rewinds,
    recorders: places.map(({ worker }) => worker),
    numbers: members.map(({ facts: { store, index } }) =>
      names.indexOf(partitionName(store, index)),
    ),
    partitions: members,
  }
}

/** Sorts by store, then by index. */
const partitionName = (store: string, index: number): string =>
  `${store}/${String(index).padStart(6, '0')}`

const NO_RECORD: ExecutionRecord = { execution: 0, resumeEpoch: 1, workers: 0, stores: [] }

const agreeOnSource = async (with_: Convention, step: Step, taken: number[]) => {
  const source = step.spec.kind === 'source' ? step.spec.source : null
  const names = await listed(with_, step, () =>
    (source as FixedPartitionedSource<unknown, unknown>).listParts(),
  )
  return assignPartitions(await with_.group.gather(`source ${step.id}`, names), taken)
}

/** The names that user code gives, each a string of its own. */
const listed = async (
  { flow, network }: Convention,
  step: Step,
  list: () => string[] | Promise<string[]>,
): Promise<readonly string[]> => {
  try {
    const names: unknown = await list()
    if (!Array.isArray(names) || names.some((name) => typeof name !== 'string')) {
      throw new TypeError(`it must give an array of strings; got ${preview(names)}`)
    }
    const seen = new Set<string>()
    const twice = names.find((name) => seen.size === seen.add(name).size)
    if (twice !== undefined) throw new TypeError(`it names the partition ${preview(twice)} twice`)
    return names
  } catch (error) {
    if (error instanceof ConnectorError || error instanceof AbortExecution) throw error
    const stepId = `${flow.id}.${step.id}`
    // biome-ignore lint/style/useErrorCause: a StepError takes its cause as it is.
    throw new StepError({ stepId, callback: 'listParts', worker: network.index, epoch: 0 }, error)
  }
}

const agreeOnSink = async (with_: Convention, step: Step) => {
  const { group, network } = with_
  const sink = step.spec.kind === 'sink' ? step.spec.sink : null
  const own = await listed(with_, step, () =>
    (sink as FixedPartitionedSink<never, never>).listParts(),
  )
  const lists = await group.gather(`sink ${step.id}`, own)
  const names = lists[0] ?? []
  const differs = lists.find((list) => list.join('\u0000') !== names.join('\u0000'))
  if (differs !== undefined || names.length === 0) {
    throw new BuildError(
      names.length === 0
        ? `The sink of step "${step.id}" has no partitions: listParts() must name at least one.`
        : `The sink of step "${step.id}" must list the same partitions on every worker; got ${names.join(', ')} and ${differs?.join(', ')}.`,
    )
  }
  const owners = names.map((_, at) => at % network.count)
  return { names, owners }
}
