import { join } from 'node:path'
import { RecoveryError } from '../errors/errors.ts'
import { recoveryPartitionOf } from '../exchange/hash.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { systemRuntime } from '../runtime/system.ts'
import { type Block, BlockBuilder, BlockCursor } from './block.ts'
import {
  findStore,
  finishMaking,
  makePartitions,
  removeOtherGenerations,
  switchGeneration,
} from './directory.ts'
import { openPartitions } from './open-partition.ts'
import type { LogPartition } from './partition.ts'
import { resumePoint } from './resume.ts'
import type { ExecutionRecord, RecoveryPartition, StoreHost } from './store.ts'

const BATCH_BYTES = 4 * 1024 * 1024

/**
 * Rewrites a store to another number of partitions.
 *
 * The new partitions are filled beside the old ones, which stay locked meanwhile; renaming one file
 * switches to them.
 */
export const rewriteStore = async (
  directory: string,
  count: number,
  runtime: Runtime = systemRuntime,
): Promise<void> => {
  const host: StoreHost = { runtime, alarm: () => undefined }
  const { generation, partitions } = await findStore(directory)
  const old = await openPartitions(partitions, { host, backupInterval: 0 })
  try {
    const next = generation + 1
    const base = join(directory, `generation-${next}`)
    const store = old[0]?.facts.store ?? ''
    const places = await makePartitions(base, { store, count, runtime })
    const fresh = await openPartitions(places, { host, backupInterval: 0 })
    try {
      await copyLive(old, fresh)
    } finally {
      await Promise.all(fresh.map((partition) => partition.close()))
    }
    await switchGeneration(directory, next)
    await finishMaking(base)
  } finally {
    await Promise.all(old.map((partition) => partition.close()))
  }
  await removeOtherGenerations(directory, generation + 1)
}

const copyLive = async (
  old: readonly LogPartition[],
  fresh: readonly RecoveryPartition[],
): Promise<void> => {
  const facts = old.map((partition) => partition.facts)
  const { resumeEpoch } = resumePoint(facts)
  const newest = newestExecution(old)
  const flowId = facts.find((part) => part.flowId !== null)?.flowId ?? null
  if (newest === null || flowId === null) return
  if (newest.stores.length > 1) {
    throw new RecoveryError(
      'The flow also keeps its state in the stores of other processes: a store that is one of several ' +
        'cannot be rewritten alone.',
    )
  }
  for (const partition of fresh) await partition.begin(flowId, { ...newest, resumeEpoch })
  for (const partition of old) {
    const out = new Outgoing(fresh, resumeEpoch)
    for await (const block of partition.load(resumeEpoch)) await out.take(block)
    await out.flush()
  }
  for (const partition of fresh) await partition.commit(resumeEpoch)
}

const newestExecution = (partitions: readonly LogPartition[]): ExecutionRecord | null =>
  partitions
    .flatMap(({ facts }) => facts.executions)
    .reduce<ExecutionRecord | null>(
      (best, record) => (best === null || record.execution > best.execution ? record : best),
      null,
    )

/** Rows on their way to the partitions that hold their keys from now on. */
class Outgoing {
  readonly #partitions: readonly RecoveryPartition[]
  readonly #resumeEpoch: number
  readonly #builders = new Map<string, BlockBuilder[]>()
  #blocks: Block[][]
  #bytes = 0

  constructor(partitions: readonly RecoveryPartition[], resumeEpoch: number) {
    this.#partitions = partitions
    this.#resumeEpoch = resumeEpoch
    this.#blocks = partitions.map(() => [])
  }

  async take(block: Block): Promise<void> {
    const builders = this.#buildersOf(block.stepId)
    const cursor = new BlockCursor(block)
    while (cursor.next()) {
      const index = recoveryPartitionOf(block.stepId, cursor.key, this.#partitions.length)
      const builder = builders[index]
      if (builder === undefined) continue
      builder.copyRow(cursor)
      if (builder.full) this.#send(index, builder)
    }
    if (this.#bytes > BATCH_BYTES) await this.flush()
  }

  async flush(): Promise<void> {
    for (const builders of this.#builders.values()) {
      builders.forEach((builder, index) => {
        if (builder.rows > 0) this.#send(index, builder)
      })
    }
    const blocks = this.#blocks
    this.#blocks = this.#partitions.map(() => [])
    this.#bytes = 0
    await Promise.all(
      this.#partitions.map((partition, index) =>
        partition.append(this.#resumeEpoch, blocks[index] ?? []),
      ),
    )
  }

  #send(index: number, builder: BlockBuilder): void {
    const block = builder.build()
    this.#blocks[index]?.push(block)
    this.#bytes += block.bytes.length
  }

  #buildersOf(stepId: string): readonly BlockBuilder[] {
    let builders = this.#builders.get(stepId)
    if (builders === undefined) {
      builders = this.#partitions.map(() => new BlockBuilder(stepId, this.#resumeEpoch - 1))
      this.#builders.set(stepId, builders)
    }
    return builders
  }
}
