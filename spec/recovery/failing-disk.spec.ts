import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { RecoveryStore, systemRuntime } from 'tidemark'
import { MemoryStore, VirtualRuntime } from 'tidemark/testing'
import { inspectStore } from '../../lib/recovery/inspect.ts'
import { Folder } from '../support/folder.ts'
import { Counting } from './counting.ts'

describe('A flow whose store cannot be written', () => {
  for (const fate of ['lost', 'torn'] as const) {
    it(`raises an alarm, goes on until its backlog is full, and catches up (${fate})`, async () => {
      const runtime = new VirtualRuntime({ seed: 1 })
      const counting = new Counting(runtime)
      let failing = false
      const store = new MemoryStore({ partitions: 2, fate: () => (failing ? fate : 'done') })
      const execution = counting.start(store)

      const seen: Record<string, number> = {}
      runtime.after(500, () => {
        failing = true
        seen['committed'] = counting.committed
        seen['items'] = counting.sink.items.length
      })
      runtime.after(9000, () => {
        seen['full'] = counting.sink.items.length
      })
      runtime.after(10_000, () => {
        expect(counting.alarms.join()).to.match(/snapshot could not be written/)
        // What was under way when the disk failed may still have been acknowledged.
        expect(counting.committed - (seen['committed'] ?? 0)).to.be.within(0, 2)
        // 64 epochs of 20 ms are let in, and then no more.
        expect(counting.sink.items.length - (seen['items'] ?? 0)).to.be.within(1000, 1500)
        expect(counting.sink.items.length).to.equal(seen['full'])
        failing = false
        counting.ticks.end = 4000
      })
      await runtime.run(execution.done)
      expect(counting.committed).to.be.greaterThan(150)
      counting.checkCounts()

      counting.ticks.end = 4500
      await runtime.run(counting.start(store).done)
      counting.checkCounts()
    })
  }

  it('does so on a disk that is full (needs root, for a small disk of its own)', async function () {
    this.timeout(30_000)
    const folder = new Folder()
    await folder.make()
    const disk = folder.file('disk')
    mkdirSync(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk], { stdio: 'ignore' })
    } catch {
      await folder.remove()
      this.skip()
    }
    try {
      await fillAndFree(disk)
    } finally {
      execFileSync('umount', [disk])
      await folder.remove()
    }
  })
})

const after = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    systemRuntime.after(millis, resolve)
  })

const fillAndFree = async (disk: string): Promise<void> => {
  const filler = `${disk}/filler`
  const store = await RecoveryStore.init(`${disk}/state`, 2)
  const counting = new Counting(systemRuntime)
  const execution = counting.start(store)
  const alarm = new Promise<void>((resolve) => {
    counting.onAlarm = resolve
  })
  await after(300)
  fill(filler)
  await alarm
  const { committed } = counting
  const items = counting.sink.items.length
  // It goes on ...
  while (counting.sink.items.length < items + 200) await after(10)
  expect(counting.committed - committed, 'nothing more is committed').to.be.within(0, 2)
  rmSync(filler)
  // ... and writes again when it can.
  while (counting.committed <= committed + 5) await after(10)
  counting.ticks.end = counting.ticks.at + 100
  await execution.done
  counting.checkCounts()
  expect((await inspectStore(`${disk}/state`)).damage).to.deep.equal([])

  counting.ticks.end += 100
  await counting.start(store).done
  counting.checkCounts()
}

/** Writes until there is no room left. */
const fill = (path: string): void => {
  for (const size of [1024 * 1024, 64 * 1024, 4096]) {
    for (let wrote = true; wrote; ) {
      try {
        writeFileSync(path, Buffer.alloc(size), { flag: 'a' })
      } catch {
        wrote = false
      }
    }
  }
}
