import assert from 'node:assert/strict'
import {
  EOF,
  FixedPartitionedSource,
  type Source,
  type StatefulSourcePartition,
  type StatelessSourcePartition,
} from '../lib/flow/source.ts'
import {
  describeContract,
  failsWithOurs,
  LISTS_THE_SAME,
  listsDistinctParts,
  type PartitionedWorld,
  partOf,
} from './contract.ts'
import { pollNextBatch } from './poll-next-batch.ts'
import { globalRunner, type TestRunner } from './test-runner.ts'

/** A source in a world of its own, made anew for each promise that is tested. */
export interface SourceWorld<T> extends PartitionedWorld {
  readonly source: Source<T>
  /** What one partition gives from its start to its end; at least three items. */
  readonly items: readonly T[]
}

/**
 * Declares the promises that every source keeps, as specs of a test runner.
 *
 * Any source gives its items in order to its end, to a slow consumer too, and can be closed while it
 * is read. One with positions can be resumed behind any batch, from plain data.
 *
 * @param name - the subject of the specs
 * @param make - makes a world with the same content each time
 * @param runner - `describe` and `it`, when they are not global
 *
 * @example
 * ```ts
 * describeSource('MySource', () => ({ source: new MySource(server.url), items: ['a', 'b', 'c'] }))
 * ```
 */
export const describeSource = <T>(
  name: string,
  make: () => SourceWorld<T> | Promise<SourceWorld<T>>,
  runner: TestRunner = globalRunner(),
): void => {
  describeContract<SourceWorld<T>>(`${name} keeps the contract of a source`, {
    make,
    runner,
    promises: (promise) => {
      promise(LISTS_THE_SAME, listsTheSame)
      promise('gives its items in order, then its end again and again', givesAll)
      promise('gives the same to a consumer that takes its time', servesSlowly)
      promise('resumes behind any batch, from plain data', resumesAnywhere)
      promise('can be closed while a batch is pending', closesWhileReading)
      promise('fails with an error of ours when the outside system does', tellsFailure)
    },
  })
}

const listsTheSame = async <T>({ source }: SourceWorld<T>): Promise<void> => {
  if (source instanceof FixedPartitionedSource) await listsDistinctParts(source)
}

const givesAll = async <T>(world: SourceWorld<T>): Promise<void> => {
  const part = await open(world, null)
  assert.deepEqual(await drain(part), world.items)
  assert.equal(await part.nextBatch(), EOF, 'the end is not told again')
  await part.close()
}

const servesSlowly = async <T>(world: SourceWorld<T>): Promise<void> => {
  const part = await open(world, null)
  const items: T[] = []
  for (;;) {
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    const batch = await pollNextBatch(part)
    if (batch === EOF) break
    items.push(...batch)
  }
  await part.close()
  assert.deepEqual(items, world.items)
}

const resumesAnywhere = async <T>(world: SourceWorld<T>): Promise<void> => {
  if (!(world.source instanceof FixedPartitionedSource)) return
  const positions: { readonly state: unknown; readonly given: number }[] = []
  const part = await open(world, null)
  if (!('snapshot' in part) || part.snapshot() === null) return part.close()
  positions.push({ state: structuredClone(part.snapshot()), given: 0 })
  for (let given = 0; ; ) {
    const batch = await pollNextBatch(part)
    if (batch === EOF) break
    given += batch.length
    positions.push({ state: structuredClone(part.snapshot()), given })
  }
  await part.close()
  for (const { state, given } of positions) await resumesAt(world, state, given)
}

const resumesAt = async <T>(
  world: SourceWorld<T>,
  state: unknown,
  given: number,
): Promise<void> => {
  const resumed = await open(world, structuredClone(state))
  assert.deepEqual(resumed.snapshot(), state, 'the position changes on resume')
  assert.deepEqual(await drain(resumed), world.items.slice(given), `resumed behind item ${given}`)
  await resumed.close()
}

const closesWhileReading = async <T>(world: SourceWorld<T>): Promise<void> => {
  const part = await open(world, null)
  const pending = Promise.resolve(part.nextBatch()).catch(() => EOF)
  await part.close()
  await Promise.race([pending, new Promise((resolve) => setImmediate(resolve))])
}

const tellsFailure = async <T>(world: SourceWorld<T>): Promise<void> => {
  if (world.fail === undefined) return
  const part = await open(world, null)
  await world.fail()
  await failsWithOurs(() => drain(part))
  await part.close()
}

const open = async <T>(
  world: SourceWorld<T>,
  resume: unknown,
): Promise<StatefulSourcePartition<T, unknown>> => {
  const { source } = world
  if (source instanceof FixedPartitionedSource) {
    return source.buildPart('contract', await partOf(world, source), resume)
  }
  const built: StatelessSourcePartition<T> = await source.build('contract', 0, 1)
  return built as StatefulSourcePartition<T, unknown>
}

const drain = async <T>(part: StatelessSourcePartition<T>): Promise<T[]> => {
  const items: T[] = []
  for (;;) {
    const batch = await pollNextBatch(part)
    if (batch === EOF) return items
    items.push(...batch)
  }
}
