import assert from 'node:assert/strict'
import type { WriteAheadPartition, WriteAheadSink } from '../lib/flow/sink.ts'
import { describeContract } from './contract.ts'
import {
  harmless,
  isPassing,
  persist,
  SLOT,
  type SlotWorld,
  STEP,
  sinkInRun,
  throughStore,
} from './slot-world.ts'
import { globalRunner, type TestRunner } from './test-runner.ts'

/** A write-ahead sink in a world of its own, made anew for each promise that is tested. */
// biome-ignore lint/suspicious/noExplicitAny: what a marker looks like is the sink's own affair.
export interface WriteAheadSinkWorld<T> extends SlotWorld<T, WriteAheadSink<T, any>> {
  /** An item that the outside system refuses for good; without it that is not tested. */
  readonly refused?: T
}

/**
 * Declares the promises that a write-ahead sink keeps, as specs of a test runner: an epoch and its
 * marker are written as one and once, the marker outlives processes, and a slot's new owner shuts
 * the old one out.
 *
 * @param name - the subject of the specs
 * @param make - makes an empty world each time
 * @param runner - `describe` and `it`, when they are not global
 *
 * @example
 * ```ts
 * describeWriteAheadSink('MySink', () => ({
 *   sink: () => new MySink(db.url), items: ['a', 'b', 'c', 'd'], written: () => db.all(),
 *   away: () => db.stop(), back: () => db.start(),
 * }))
 * ```
 */
export const describeWriteAheadSink = <T>(
  name: string,
  make: () => WriteAheadSinkWorld<T> | Promise<WriteAheadSinkWorld<T>>,
  runner: TestRunner = globalRunner(),
): void => {
  describeContract<WriteAheadSinkWorld<T>>(`${name} keeps the contract of a write-ahead sink`, {
    make,
    runner,
    promises: (promise) => {
      promise('delivers epochs in order, and marks the last', marksTheLast)
      promise('takes an epoch that its marker names no second time', takesOnce)
      promise('tells a later execution how far the one before it came', marksForOthers)
      promise('keeps a marker for each slot', marksEachSlot)
      promise('shuts older executions out of a slot that a later one has fenced', fencesZombies)
      promise('can be fenced again by the execution that has it', fencesAgain)
      promise('writes an epoch and its marker as one, or neither', writesAsOne)
      promise('waits for an outside system that is away, and delivers once', outlivesOutage)
    },
  })
}

type Part<T> = WriteAheadPartition<T, unknown>

const build = async <T>(
  world: WriteAheadSinkWorld<T>,
  execution: number,
  slot = SLOT,
): Promise<Part<T>> => sinkInRun(world).build(STEP, slot, { execution })

/** Fenced and asked for its marker, as the engine does before it delivers. */
const own = async <T>(
  world: WriteAheadSinkWorld<T>,
  execution: number,
  slot = SLOT,
): Promise<{ readonly part: Part<T>; readonly marker: number | null }> => {
  const part = await build(world, execution, slot)
  await part.fence(execution)
  return { part, marker: await markerOf(part) }
}

const markerOf = async (part: Part<never>): Promise<number | null> => {
  const marker = await part.delivered()
  return marker === null ? null : Number(marker)
}

/** The items as they come back of the store in which they waited. */
const deliver = async <T>(part: Part<T>, epoch: number, items: readonly T[]): Promise<void> => {
  await part.deliver(epoch, throughStore([...items]))
}

const holds = async <T>({ written }: WriteAheadSinkWorld<T>, items: readonly T[]): Promise<void> =>
  assert.deepEqual(await written(), items)

const marksTheLast = async <T>(world: WriteAheadSinkWorld<T>): Promise<void> => {
  const { part, marker } = await own(world, 0)
  assert.equal(marker, null)
  await deliver(part, 3, world.items.slice(0, 1))
  assert.equal(await markerOf(part), 3)
  await holds(world, world.items.slice(0, 1))
  await deliver(part, 7, world.items.slice(1))
  assert.equal(await markerOf(part), 7)
  await holds(world, world.items)
  await part.close()
}

const takesOnce = async <T>(world: WriteAheadSinkWorld<T>): Promise<void> => {
  const { part } = await own(world, 0)
  await deliver(part, 1, world.items.slice(0, 2))
  await deliver(part, 1, world.items.slice(0, 2))
  await deliver(part, 2, world.items.slice(2))
  // A call that was thought lost arrives late.
  await harmless(() => deliver(part, 1, world.items.slice(0, 2)))
  await harmless(() => deliver(part, 2, world.items.slice(2)))
  assert.equal(await markerOf(part), 2)
  await part.close()
  await holds(world, world.items)
}

const marksForOthers = async <T>(world: WriteAheadSinkWorld<T>): Promise<void> => {
  const first = await own(world, 0)
  await deliver(first.part, 4, world.items.slice(0, 2))
  // Gone without a word: nothing is closed.
  const heir = await own(world, 1)
  assert.equal(heir.marker, 4)
  await harmless(() => deliver(heir.part, 4, world.items.slice(0, 2)))
  await deliver(heir.part, 5, world.items.slice(2))
  await heir.part.close()
  const last = await own(world, 2)
  assert.equal(last.marker, 5)
  await last.part.close()
  await harmless(() => first.part.close())
  await holds(world, world.items)
}

const marksEachSlot = async <T>(world: WriteAheadSinkWorld<T>): Promise<void> => {
  const three = await own(world, 0)
  const four = await own(world, 0, '4')
  await deliver(three.part, 2, world.items.slice(0, 2))
  assert.equal(await markerOf(four.part), null)
  await deliver(four.part, 1, world.items.slice(2))
  assert.deepEqual([await markerOf(three.part), await markerOf(four.part)], [2, 1])
  await three.part.close()
  await four.part.close()
  assert.equal((await world.written()).length, world.items.length)
}

const fencesZombies = async <T>(world: WriteAheadSinkWorld<T>): Promise<void> => {
  const { part: zombie } = await own(world, 1)
  await deliver(zombie, 1, world.items.slice(0, 1))
  const { part: heir, marker } = await own(world, 2)
  assert.equal(marker, 1)
  await harmless(() => deliver(zombie, 2, world.items.slice(1, 2)))
  await harmless(() => zombie.fence(1))
  await harmless(() => deliver(zombie, 2, world.items.slice(1, 2)))
  await holds(world, world.items.slice(0, 1))
  assert.equal(await markerOf(heir), 1)
  await deliver(heir, 2, world.items.slice(1))
  await harmless(() => deliver(zombie, 3, world.items))
  await harmless(() => zombie.close())
  await heir.close()
  await holds(world, world.items)
}

const fencesAgain = async <T>(world: WriteAheadSinkWorld<T>): Promise<void> => {
  const { part } = await own(world, 1)
  await deliver(part, 1, world.items.slice(0, 2))
  await part.fence(1)
  assert.equal(await markerOf(part), 1)
  await deliver(part, 2, world.items.slice(2))
  await part.close()
  await holds(world, world.items)
}

const writesAsOne = async <T>(world: WriteAheadSinkWorld<T>): Promise<void> => {
  if (world.refused === undefined) return
  const { part } = await own(world, 0)
  await deliver(part, 1, world.items.slice(0, 2))
  await assert.rejects(deliver(part, 2, [...world.items.slice(2), world.refused]))
  await holds(world, world.items.slice(0, 2))
  assert.equal(await markerOf(part), 1)
  await deliver(part, 2, world.items.slice(2))
  assert.equal(await markerOf(part), 2)
  await part.close()
  await holds(world, world.items)
}

const outlivesOutage = async <T>(world: WriteAheadSinkWorld<T>): Promise<void> => {
  const { away, back } = world
  if (away === undefined || back === undefined) return
  const { part } = await own(world, 0)
  await deliver(part, 1, world.items.slice(0, 1))
  await away()
  for (let tries = 0; tries < 2; tries++) {
    await isPassing(() => deliver(part, 2, world.items.slice(1)))
    await isPassing(async () => part.delivered())
  }
  await back()
  assert.equal(await persist(() => markerOf(part)), 1)
  await persist(() => deliver(part, 2, world.items.slice(1)))
  await part.close()
  await holds(world, world.items)
}
