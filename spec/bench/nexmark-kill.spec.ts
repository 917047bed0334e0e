import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { RecoveryStore, run } from 'tidemark'
import { finalRows } from '../../bench/nexmark/query.ts'
import { builtProgram } from '../support/built-programs.ts'
import { Folder } from '../support/folder.ts'
import { flowOf, type KilledOrders, QUERIES } from './nexmark-killed.ts'

const CHILD = 'spec/bench/nexmark-killed.ts'

/** Runs the flow in a process; kills it as soon as `when` holds. True if it was killed. */
const live = async (orders: KilledOrders, when: () => Promise<boolean>): Promise<boolean> => {
  const child = spawn(process.execPath, [builtProgram(CHILD), JSON.stringify(orders)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(child, 'close')
  while (child.exitCode === null && !(await when())) await delay(20)
  child.kill('SIGKILL')
  const [code, signal] = await ended
  expect(signal === 'SIGKILL' || code === 0, `the child ended with ${code}`).to.equal(true)
  return signal === 'SIGKILL'
}

const sizeOf = async (path: string): Promise<number> =>
  (await stat(path).catch(() => ({ size: 0 }))).size

/** Lines that only one side has, or has more often. */
const difference = (got: readonly string[], expected: readonly string[]) => {
  const without = (from: readonly string[], others: readonly string[]): string[] => {
    const left = new Map<string, number>()
    for (const other of others) left.set(other, (left.get(other) ?? 0) + 1)
    return from.filter((line) => {
      const count = left.get(line) ?? 0
      left.set(line, count - 1)
      return count <= 0
    })
  }
  return { missing: without(expected, got), extra: without(got, expected) }
}

describe('Nexmark killed @long', () => {
  const folder = new Folder()
  const events = 20_000
  const finals = async (name: string): Promise<Map<string, string[]>> => {
    const all = new Map<string, string[]>()
    for (const query of QUERIES) {
      const lines = (await folder.text(`${name}/${query.id}`)).split('\n').filter(Boolean)
      const rows = finalRows(
        query,
        lines.map((line): unknown => JSON.parse(line)),
      )
      all.set(query.id, rows.map((row) => JSON.stringify(row)).sort())
    }
    return all
  }

  before(() => folder.make())
  after(() => folder.remove())

  it('writes every answer once, though it is killed twice and goes on with other workers', async () => {
    await mkdir(folder.file('whole'))
    await mkdir(folder.file('killed'))
    await run(flowOf({ events, dir: folder.file('whole'), workers: 1, pause: 0 }))

    const dir = folder.file('killed')
    await RecoveryStore.init(`${dir}/state`, 2)
    const orders = { events, dir, partitions: 2, disorder: 10, batchSize: 200, pause: 25 }
    const bytes = await sizeOf(folder.file('whole/q0'))
    const grown = (share: number) => async () => (await sizeOf(`${dir}/q0`)) > share * bytes
    expect(await live({ ...orders, workers: 1 }, grown(0.2)), 'first life').to.equal(true)
    expect(await live({ ...orders, workers: 4 }, grown(0.6)), 'second life').to.equal(true)
    const never = (): Promise<boolean> => Promise.resolve(false)
    expect(await live({ ...orders, workers: 2, pause: 0 }, never), 'last life').to.equal(false)

    const [killed, whole] = [await finals('killed'), await finals('whole')]
    for (const { id } of QUERIES) {
      const [got, expected] = [killed.get(id) ?? [], whole.get(id) ?? []]
      expect(expected.length, id).to.be.greaterThan(0)
      expect(difference(got, expected), id).to.deep.equal({ missing: [], extra: [] })
    }
  }).timeout(180_000)
})
