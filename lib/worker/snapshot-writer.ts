import { type RowCodec, type RowFormat, rowCodec } from '../codec/row-codec.ts'
import { RecoveryError } from '../errors/errors.ts'
import { recoveryPartitions } from '../exchange/hash.ts'
import type { Addressed } from '../exchange/router.ts'
import { type Block, BlockBuilder, BlockCursor } from '../recovery/block.ts'
import { data, type Signal, SNAPSHOT_PORT } from '../signal/signal.ts'
import type { RowWriter } from '../state/state-table.ts'

/** A block on its way to the recovery partition that keeps it. */
export interface AddressedBlock extends Addressed {
  readonly block: Block
}

/** No epoch is open. */
const NONE = -1

/** Packs the rows of one step into blocks and sends them towards the recorders. */
export class SnapshotWriter implements RowWriter {
  readonly #stepId: string
  readonly #partitions: number
  readonly #partitionOf: (key: string) => number
  readonly #codec: RowCodec<unknown>
  readonly #send: (signal: Signal) => void
  /** By epoch, and by partition: rows of several epochs come in turn while one is behind. */
  readonly #open = new Map<number, (BlockBuilder | null)[]>()
  #builders: (BlockBuilder | null)[] = []
  #epoch = NONE
  /** Rows that have been packed, and the bytes of their blocks. */
  rows = 0
  packedBytes = 0

  constructor(
    step: {
      readonly id: string
      readonly format?: RowFormat<unknown> | undefined
      readonly partitions: number
    },
    send: (signal: Signal) => void,
  ) {
    this.#stepId = step.id
    this.#partitions = step.partitions
    this.#codec = rowCodec(step.format)
    this.#partitionOf = recoveryPartitions(step.id, step.partitions)
    this.#send = send
  }

  row(epoch: number, key: string, state: unknown): void {
    let packed: ReturnType<RowCodec<unknown>['pack']>
    try {
      packed = this.#codec.pack(state)
    } catch (error) {
      throw new RecoveryError(
        `Step "${this.#stepId}" can't snapshot its state for key ${JSON.stringify(key)}: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      )
    }
    this.#add(epoch, key, packed.bytes, packed.start, packed.end)
  }

  /** A row whose bytes are at hand already. */
  bytes(epoch: number, key: string, state: Uint8Array): void {
    this.#add(epoch, key, state, 0, state.length)
  }

  tombstone(epoch: number, key: string): void {
    this.#add(epoch, key, null, 0, 0)
  }

  encode(state: unknown): Uint8Array {
    return this.#codec.encode(state)
  }

  decode(bytes: Uint8Array): unknown {
    return this.#codec.decode(bytes)
  }

  /** Walks the rows of a block that has been loaded. */
  read(block: Block, visit: (key: string, state: unknown) => void): void {
    const cursor = new BlockCursor(block)
    while (cursor.next()) {
      if (cursor.tombstone) continue
      const { key } = cursor
      visit(key, this.decodeRow(key, cursor.bytes, cursor.stateStart, cursor.rowEnd))
    }
  }

  /** The state of a row, which is `bytes` or a part of them. */
  // biome-ignore lint/complexity/useMaxParams: an object a row would cost as much as the decoding.
  decodeRow(key: string, bytes: Uint8Array, start = 0, end: number = bytes.length): unknown {
    try {
      return this.#codec.decode(bytes, start, end)
    } catch (error) {
      throw new RecoveryError(
        `Step "${this.#stepId}" can't take up its state for key ${JSON.stringify(key)}: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      )
    }
  }

  /** Sends what has been written so far. */
  flush(): void {
    for (const builders of this.#open.values()) {
      builders.forEach((builder, partition) => {
        if (builder !== null && builder.rows > 0) this.#sendBlock(partition, builder)
      })
    }
    this.#open.clear()
    this.#epoch = NONE
  }

  // biome-ignore lint/complexity/useMaxParams: an object a row would cost as much as the packing.
  #add(epoch: number, key: string, state: Uint8Array | null, start: number, end: number): void {
    if (epoch !== this.#epoch) this.#turnTo(epoch)
    const partition = this.#partitionOf(key)
    let builder = this.#builders[partition] ?? null
    if (builder === null) {
      builder = new BlockBuilder(this.#stepId, epoch)
      this.#builders[partition] = builder
    }
    builder.add(key, state, start, end)
    if (builder.full) this.#sendBlock(partition, builder)
  }

  #turnTo(epoch: number): void {
    let builders = this.#open.get(epoch)
    if (builders === undefined) {
      builders = Array.from({ length: this.#partitions }, () => null)
      this.#open.set(epoch, builders)
    }
    this.#builders = builders
    this.#epoch = epoch
  }

  #sendBlock(partition: number, builder: BlockBuilder): void {
    const addressed: AddressedBlock = { partition, block: builder.build() }
    this.rows += addressed.block.rows
    this.packedBytes += addressed.block.bytes.length
    this.#send(data(SNAPSHOT_PORT, addressed.block.epoch, null, [addressed]))
  }
}
