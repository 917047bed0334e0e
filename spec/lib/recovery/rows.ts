/** Building and reading rows in specs about recovery; no assertions. */

import { decodeState, encodeState } from '../../../lib/codec/msgpack.ts'
import { recoveryPartitionOf } from '../../../lib/exchange/hash.ts'
import { type Block, BlockBuilder, readBlock } from '../../../lib/recovery/block.ts'
import { resumePoint } from '../../../lib/recovery/resume.ts'
import type { RecoveryPartition, Store, StoreHost } from '../../../lib/recovery/store.ts'
import { systemRuntime } from '../../../lib/runtime/system.ts'

/** States by key; `null` for a key that is gone. */
export type Rows = Readonly<Record<string, unknown>>

export const blockOf = (stepId: string, epoch: number, rows: Rows): Block => {
  const builder = new BlockBuilder(stepId, epoch)
  for (const [key, state] of Object.entries(rows)) {
    builder.add(key, state === null ? null : encodeState(state))
  }
  return builder.build()
}

/** What a load gives, as `step/key` and state; a key that comes twice is marked. */
const loaded = async (
  partitions: readonly RecoveryPartition[],
  resumeEpoch: number,
): Promise<Record<string, unknown>> => {
  const found: Record<string, unknown> = {}
  for (const partition of partitions) {
    for await (const block of partition.load(resumeEpoch)) {
      readBlock(block, (key, state) => {
        const name = `${block.stepId}/${key}`
        found[name] = name in found ? 'TWICE' : state === null ? null : decodeState(state)
      })
    }
  }
  return found
}

/** A flow's hold on a store: what a run does with it, in the fewest words. */
export class Holder {
  readonly partitions: readonly RecoveryPartition[]
  readonly execution: number
  readonly resumeEpoch: number

  private constructor(
    partitions: readonly RecoveryPartition[],
    at: { readonly execution: number; readonly resumeEpoch: number },
  ) {
    this.partitions = partitions
    this.execution = at.execution
    this.resumeEpoch = at.resumeEpoch
  }

  static async open(store: Store, host: StoreHost = quiet): Promise<Holder> {
    const partitions = await store.open(host)
    try {
      return new Holder(partitions, resumePoint(partitions.map(({ facts }) => facts)))
    } catch (error) {
      await Promise.all(partitions.map((partition) => partition.close()))
      throw error
    }
  }

  /** Opens, loads and begins, as a run does. */
  static async begin(store: Store, host: StoreHost = quiet): Promise<Holder> {
    const holder = await Holder.open(store, host)
    await holder.load()
    await holder.start()
    return holder
  }

  load(): Promise<Record<string, unknown>> {
    return loaded(this.partitions, this.resumeEpoch)
  }

  async start(flowId = 'flow'): Promise<void> {
    const stores = [...new Set(this.partitions.map(({ facts }) => facts.store))]
    const { execution, resumeEpoch } = this
    for (const partition of this.partitions) {
      await partition.begin(flowId, { execution, resumeEpoch, workers: 1, stores })
    }
  }

  /** One epoch's rows of each step, to the partitions that hold their keys. */
  async append(epoch: number, steps: Readonly<Record<string, Rows>>): Promise<void> {
    const { length } = this.partitions
    await Promise.all(
      this.partitions.map((partition, index) =>
        partition.append(
          epoch + 1,
          Object.entries(steps).map(([stepId, rows]) =>
            blockOf(
              stepId,
              epoch,
              Object.fromEntries(
                Object.entries(rows).filter(
                  ([key]) => recoveryPartitionOf(stepId, key, length) === index,
                ),
              ),
            ),
          ),
        ),
      ),
    )
  }

  async commit(epoch: number): Promise<void> {
    await Promise.all(this.partitions.map((partition) => partition.commit(epoch)))
  }

  async close(): Promise<void> {
    await Promise.all(this.partitions.map((partition) => partition.close()))
  }
}

export const quiet: StoreHost = { runtime: systemRuntime, alarm: () => undefined }
