import assert from 'node:assert/strict'
import { TidemarkError } from '../lib/errors/errors.ts'
import type { TestRunner } from './test-runner.ts'

/** What the worlds of all contracts have. */
export interface ContractWorld {
  /** Takes the world down. */
  readonly dispose?: () => void | Promise<void>
}

/** What the worlds of sources and sinks that are opened by partition have. */
export interface PartitionedWorld extends ContractWorld {
  /** The partition; the first listed unless given. */
  readonly part?: string
  /** Makes the outside system fail the partition's next calls; without it that is not tested. */
  readonly fail?: () => void | Promise<void>
}

/** Declares one promise: its title, and what holds it in a world made for it alone. */
export type DeclarePromise<W> = (title: string, body: (world: W) => Promise<void>) => void

/** A suite of promises, each in a world of its own. */
export const describeContract = <W extends ContractWorld>(
  title: string,
  {
    make,
    runner,
    promises,
  }: {
    readonly make: () => W | Promise<W>
    readonly runner: TestRunner
    readonly promises: (promise: DeclarePromise<W>) => void
  },
): void => {
  runner.describe(title, () => {
    promises((name, body) =>
      runner.it(name, async () => {
        const world = await make()
        try {
          await body(world)
        } finally {
          await world.dispose?.()
        }
      }),
    )
  })
}

/** The title of {@link listsDistinctParts}, which sources and sinks promise alike. */
export const LISTS_THE_SAME = 'lists partitions of distinct names, the same ones each time'

/** What lists partitions names each once, and names the same ones when asked again. */
export const listsDistinctParts = async (lists: {
  listParts(): string[] | Promise<string[]>
}): Promise<void> => {
  const parts = await lists.listParts()
  assert.ok(parts.length > 0, 'no partition is listed')
  assert.equal(new Set(parts).size, parts.length, 'two partitions have one name')
  assert.deepEqual(await lists.listParts(), parts)
}

/** The partition that a world names, or the first that is listed. */
export const partOf = async (
  { part }: PartitionedWorld,
  lists: { listParts(): string[] | Promise<string[]> },
): Promise<string> => {
  const name = part ?? (await lists.listParts())[0]
  assert.ok(name !== undefined, 'no partition is listed')
  return name
}

/** What uses a system that fails must fail with an error of ours. */
export const failsWithOurs = (doing: () => Promise<unknown>): Promise<void> =>
  assert.rejects(doing, (failure) => failure instanceof TidemarkError)
