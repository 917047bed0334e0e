import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setInterval } from 'node:timers/promises'
import { expect } from 'chai'
import { type Dataflow, dataflow, type KeyedStream, run } from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { TestingSink } from 'tidemark/testing'
import { builtProgram } from './built-programs.ts'
import { rounds } from './effort.ts'
import { PartsSource } from './parts-source.ts'

/** What the flow gives: which of its key's items one is. */
export interface Count {
  readonly key: string
  readonly nth: number
  readonly item: number
}

const PARTS: readonly (readonly number[])[] = [0, 1, 2].map((part) =>
  Array.from({ length: 3000 }, (_, at) => part * 10_000 + at),
)
/** Milliseconds between two looks at the destination. */
const LOOK = 20
/** By how many rows the destination must have grown before each kill; none comes at the end. */
const GROWTH = [1, 800, 1600].slice(0, rounds({ test: 2, ci: 3, torture: 3 }))

type Connect = (counts: KeyedStream<Count>) => void

/** All items of a key come from one partition: what is counted does not depend on who is faster. */
const keyOf = (item: number): string => `k${Math.floor(item / 10_000)}-${item % 3}`

const counting = (connect: Connect, slow: number): Dataflow => {
  const flow = dataflow('killed')
  const counts = flow.input('in', new PartsSource(PARTS, { batchSize: 20, slow })).pipe(
    keyOn('key', keyOf),
    statefulMap<number, Count, number>('count', (seen, item) => {
      const nth = (seen ?? 0) + 1
      return [nth, { key: keyOf(item), nth, item }]
    }),
  )
  connect(counts)
  return flow
}

/**
 * Counts into a sink, as a process of its own that is to be killed; its last two arguments are the
 * directory of its store and the number of workers.
 */
export const countInto = async (connect: Connect): Promise<void> => {
  const [dir = '', workers = '1'] = process.argv.slice(-2)
  await run(counting(connect, 10), {
    workers: Number(workers),
    epochInterval: 10,
    recovery: { dir, partitions: 2 },
  })
}

/**
 * Runs a program of `countInto` to its end, killed several times on the way, each time once the
 * destination holds more than before; then it holds what a run that nobody disturbs makes, each
 * once, in order for each key.
 */
export const expectUndisturbed = async (ends: {
  readonly program: string
  readonly words: readonly string[]
  readonly dir: string
  /** Rows in the destination. */
  readonly count: () => Promise<number>
  readonly rows: () => Promise<readonly Count[]>
}): Promise<void> => {
  const { program, dir, count, rows } = ends
  const start = (workers: number, enough: () => Promise<boolean>): Promise<string | null> =>
    runChild([builtProgram(program), ...ends.words, dir, String(workers)], enough)
  let killed = 0
  for (const [at, growth] of GROWTH.entries()) {
    const before = await count()
    const ended = await start([3, 1, 2][at] ?? 1, async () => (await count()) >= before + growth)
    if (ended === 'SIGKILL') killed += 1
  }
  expect(killed, 'kills').to.be.greaterThan(0)
  expect(await start(2, () => Promise.resolve(false))).to.equal(null)
  const out = new TestingSink<readonly [string, Count]>()
  await run(counting((counts) => void counts.output('out', out), 0))
  const undisturbed = out.items.map(([, each]) => each)
  expect(byKey(await rows())).to.deep.equal(byKey(undisturbed))
}

const byKey = (rows: readonly Count[]): Record<string, Count[]> => {
  const keys: Record<string, Count[]> = {}
  for (const { key, nth, item } of rows) {
    keys[key] ??= []
    keys[key].push({ key, nth, item })
  }
  return keys
}

/**
 * Resolves with the signal that ended the process, or `null` when it came to its end; it is killed
 * as soon as it is seen to have done enough.
 */
const runChild = async (
  words: readonly string[],
  enough: () => Promise<boolean>,
): Promise<string | null> => {
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  const ended = once(child, 'exit')
  try {
    for await (const _ of setInterval(LOOK)) {
      if (child.exitCode !== null || child.signalCode !== null || (await enough())) break
    }
  } finally {
    child.kill('SIGKILL')
  }
  const [code, signal] = await ended
  if (code !== null && code !== 0) throw new Error(said)
  return signal
}
