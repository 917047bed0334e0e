import assert from 'node:assert/strict'
import type { TransactionalSink, TransactionalSinkPartition } from '../lib/flow/sink.ts'
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

/** A transactional sink in a world of its own, made anew for each promise that is tested. */
// biome-ignore lint/suspicious/noExplicitAny: what a staged epoch looks like is the sink's own affair.
export interface TransactionalSinkWorld<T> extends SlotWorld<T, TransactionalSink<T, any>> {}

/**
 * Declares the promises that a transactional sink keeps, as specs of a test runner: nothing is
 * published before its commit, an epoch is published once however often it is committed and by whom,
 * one that did not become durable is as if never written, and a dead execution that lives on does
 * no harm.
 *
 * @param name - the subject of the specs
 * @param make - makes an empty world each time
 * @param runner - `describe` and `it`, when they are not global
 *
 * @example
 * ```ts
 * describeTransactionalSink('MySink', () => ({
 *   sink: () => new MySink(db.url), items: ['a', 'b', 'c', 'd'], written: () => db.all(),
 *   away: () => db.stop(), back: () => db.start(),
 * }))
 * ```
 */
export const describeTransactionalSink = <T>(
  name: string,
  make: () => TransactionalSinkWorld<T> | Promise<TransactionalSinkWorld<T>>,
  runner: TestRunner = globalRunner(),
): void => {
  describeContract<TransactionalSinkWorld<T>>(
    `${name} keeps the contract of a transactional sink`,
    {
      make,
      runner,
      promises: (promise) => {
        promise('publishes an epoch when it is committed, whole and in order', publishesOnCommit)
        promise('has nothing to commit of an epoch without items', preparesNothing)
        promise(
          'publishes once what is committed again, here and by later executions',
          commitsAgain,
        )
        promise('publishes nothing that was aborted, again and by others', abortsAgain)
        promise('publishes after a crash what was prepared and is durable', survivesCrash)
        promise('discards after a crash what was prepared and is not durable', discards)
        promise('keeps what is prepared when it is closed', keepsWhenClosed)
        promise('is not harmed by a dead execution that lives on', fencesZombies)
        promise('waits for an outside system that is away, and publishes once', outlivesOutage)
      },
    },
  )
}

type Part<T> = TransactionalSinkPartition<T, unknown>

const build = async <T>(
  world: TransactionalSinkWorld<T>,
  execution: number,
  resumeEpoch: number,
): Promise<Part<T>> => sinkInRun(world).build(STEP, SLOT, { execution, resumeEpoch })

/** Writes items as one epoch, and gives what the snapshot keeps of it. */
const stage = async <T>(part: Part<T>, epoch: number, items: readonly T[]): Promise<unknown> => {
  await part.writeBatch([...items])
  const staged = await part.prepare(epoch)
  assert.notEqual(staged, null, 'nothing was staged of an epoch with items')
  return throughStore(staged)
}

const holds = async <T>(
  { written }: TransactionalSinkWorld<T>,
  items: readonly T[],
): Promise<void> => assert.deepEqual(await written(), items)

const publishesOnCommit = async <T>(world: TransactionalSinkWorld<T>): Promise<void> => {
  const [first, second, ...rest] = world.items
  const part = await build(world, 0, 1)
  await part.writeBatch([first as T])
  await holds(world, [])
  const one = await stage(part, 1, [second as T])
  const two = await stage(part, 2, rest)
  await holds(world, [])
  await part.commit(one)
  await holds(world, world.items.slice(0, 2))
  await part.commit(two)
  await holds(world, world.items)
  await part.close()
}

const preparesNothing = async <T>(world: TransactionalSinkWorld<T>): Promise<void> => {
  const part = await build(world, 0, 1)
  assert.equal(await part.prepare(1), null)
  await part.writeBatch([])
  assert.equal(await part.prepare(2), null)
  await part.close()
  await holds(world, [])
}

const commitsAgain = async <T>(world: TransactionalSinkWorld<T>): Promise<void> => {
  const part = await build(world, 0, 1)
  const staged = await stage(part, 1, world.items)
  await part.commit(staged)
  await part.commit(staged)
  const heir = await build(world, 1, 2)
  await heir.commit(staged)
  await holds(world, world.items)
  await part.close()
  await heir.close()
  const last = await build(world, 2, 2)
  await last.commit(staged)
  await holds(world, world.items)
  await last.close()
}

const abortsAgain = async <T>(world: TransactionalSinkWorld<T>): Promise<void> => {
  const part = await build(world, 0, 1)
  const staged = await stage(part, 1, world.items)
  await part.abort(staged)
  await part.abort(staged)
  const heir = await build(world, 1, 1)
  await heir.abort(staged)
  await holds(world, [])
  await part.close()
  const again = await stage(heir, 1, world.items)
  await heir.commit(again)
  await heir.close()
  await holds(world, world.items)
}

/** The first process is gone without a word: it closes nothing. */
const survivesCrash = async <T>(world: TransactionalSinkWorld<T>): Promise<void> => {
  const dead = await build(world, 0, 1)
  const one = await stage(dead, 1, world.items.slice(0, 1))
  const two = await stage(dead, 2, world.items.slice(1, 2))
  await dead.writeBatch(world.items.slice(2, 3))
  const heir = await build(world, 1, 3)
  await heir.commit(one)
  await heir.commit(two)
  const three = await stage(heir, 3, world.items.slice(2))
  await heir.commit(three)
  await heir.close()
  await harmless(() => dead.close())
  await holds(world, world.items)
}

const discards = async <T>(world: TransactionalSinkWorld<T>): Promise<void> => {
  const dead = await build(world, 0, 1)
  const one = await stage(dead, 1, world.items.slice(0, 1))
  await stage(dead, 2, world.items.slice(1, 3))
  // What comes again in the same epoch need not be cut where it was.
  const heir = await build(world, 1, 2)
  await heir.commit(one)
  const two = await stage(heir, 2, world.items.slice(1, 2))
  const three = await stage(heir, 3, world.items.slice(2))
  await heir.commit(two)
  await heir.commit(three)
  await heir.close()
  await harmless(() => dead.close())
  await holds(world, world.items)
}

const keepsWhenClosed = async <T>(world: TransactionalSinkWorld<T>): Promise<void> => {
  const part = await build(world, 0, 1)
  const staged = await stage(part, 1, world.items)
  await part.close()
  await holds(world, [])
  const heir = await build(world, 1, 2)
  await heir.commit(staged)
  await heir.close()
  await holds(world, world.items)
}

const fencesZombies = async <T>(world: TransactionalSinkWorld<T>): Promise<void> => {
  const zombie = await build(world, 0, 1)
  const stale = await stage(zombie, 1, world.items.slice(0, 3))
  await zombie.writeBatch(world.items.slice(0, 1))
  const heir = await build(world, 1, 1)
  await harmless(() => zombie.commit(stale))
  await harmless(() => zombie.prepare(2))
  const staged = await stage(heir, 1, world.items)
  await harmless(() => zombie.commit(stale))
  await heir.commit(staged)
  await harmless(() => zombie.commit(stale))
  await harmless(() => zombie.abort(stale))
  await harmless(() => zombie.close())
  await holds(world, world.items)
  await heir.close()
  await holds(world, world.items)
}

const outlivesOutage = async <T>(world: TransactionalSinkWorld<T>): Promise<void> => {
  const { away, back } = world
  if (away === undefined || back === undefined) return
  const part = await build(world, 0, 1)
  const staged = await stage(part, 1, world.items)
  await away()
  for (let tries = 0; tries < 2; tries++) await isPassing(async () => part.commit(staged))
  await back()
  await persist(async () => part.commit(staged))
  await part.commit(staged)
  await part.close()
  await holds(world, world.items)
}
