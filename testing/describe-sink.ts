import assert from 'node:assert/strict'
import {
  type DynamicSink,
  FixedPartitionedSink,
  StatefulSinkPartition,
  type StatelessSinkPartition,
} from '../lib/flow/sink.ts'
import {
  describeContract,
  failsWithOurs,
  LISTS_THE_SAME,
  listsDistinctParts,
  type PartitionedWorld,
  partOf,
} from './contract.ts'
import { globalRunner, type TestRunner } from './test-runner.ts'

/** A sink in a world of its own, made anew for each promise that is tested. */
export interface SinkWorld<T> extends PartitionedWorld {
  // biome-ignore lint/suspicious/noExplicitAny: the position's type is the sink's own affair.
  readonly sink: FixedPartitionedSink<T, any> | DynamicSink<T>
  /** At least three items to write. */
  readonly items: readonly T[]
  /** What the outside system holds, once the partition was closed. */
  readonly written: () => readonly T[] | Promise<readonly T[]>
}

/**
 * Declares the promises that every sink keeps, as specs of a test runner.
 *
 * Any sink writes its items in order, whatever the batches. One with positions can be cut back to
 * any of them: what was written behind it is gone, what is written then follows.
 *
 * @param name - the subject of the specs
 * @param make - makes an empty world each time
 * @param runner - `describe` and `it`, when they are not global
 *
 * @example
 * ```ts
 * describeSink('MySink', () => ({ sink: new MySink(db), items: ['a', 'b', 'c'], written: () => db.all() }))
 * ```
 */
export const describeSink = <T>(
  name: string,
  make: () => SinkWorld<T> | Promise<SinkWorld<T>>,
  runner: TestRunner = globalRunner(),
): void => {
  describeContract<SinkWorld<T>>(`${name} keeps the contract of a sink`, {
    make,
    runner,
    promises: (promise) => {
      promise(LISTS_THE_SAME, listsTheSame)
      promise('writes items in order, whatever the batches', writesAll)
      promise('takes an empty batch, and no batch at all', takesNothing)
      promise('is cut back to any position, given as plain data', isCutBack)
      promise('fails with an error of ours when the outside system does', tellsFailure)
    },
  })
}

const listsTheSame = async <T>({ sink }: SinkWorld<T>): Promise<void> => {
  if (sink instanceof FixedPartitionedSink) await listsDistinctParts(sink)
}

const writesAll = async <T>(world: SinkWorld<T>): Promise<void> => {
  const part = await open(world, null)
  await part.writeBatch(world.items.slice(0, 1))
  await part.writeBatch(world.items.slice(1))
  await part.close()
  assert.deepEqual(await world.written(), world.items)
}

const takesNothing = async <T>(world: SinkWorld<T>): Promise<void> => {
  const part = await open(world, null)
  await part.writeBatch([])
  await part.close()
  assert.deepEqual(await world.written(), [])
}

const isCutBack = async <T>(world: SinkWorld<T>): Promise<void> => {
  const { items } = world
  let part = await open(world, null)
  if (!(part instanceof StatefulSinkPartition)) return part.close()
  for (let kept = 0; kept < items.length; kept += 1) {
    const position: unknown = structuredClone(await positionOf(part))
    await part.writeBatch(items.slice(kept))
    await part.close()
    part = await open(world, structuredClone(position))
    assert.ok(part instanceof StatefulSinkPartition)
    assert.deepEqual(await positionOf(part), position, 'the position changes on resume')
    await part.writeBatch(items.slice(kept, kept + 1))
  }
  await part.close()
  assert.deepEqual(await world.written(), items)
}

const positionOf = async <T>(part: StatefulSinkPartition<T, unknown>): Promise<unknown> => {
  await part.flush?.()
  return part.snapshot()
}

const tellsFailure = async <T>(world: SinkWorld<T>): Promise<void> => {
  if (world.fail === undefined) return
  const part = await open(world, null)
  await world.fail()
  await failsWithOurs(async () => {
    await part.writeBatch([...world.items])
    await part.close()
  })
  await (part.abandon?.() ?? part.close())
}

const open = async <T>(
  world: SinkWorld<T>,
  resume: unknown,
): Promise<StatelessSinkPartition<T>> => {
  const { sink } = world
  if (!(sink instanceof FixedPartitionedSink)) return sink.build('contract', 0, 1)
  return sink.buildPart('contract', await partOf(world, sink), resume)
}
