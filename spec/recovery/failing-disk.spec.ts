import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { RecoveryStore, systemRuntime } from 'tidemark'
import { MemoryStore, VirtualRuntime } from 'tidemark/testing'
import { inspectStore } from '../../lib/recovery/inspect.ts'
import { Folder } from '../support/folder.ts'
import { Counting } from './counting.ts'
import { PROGRAM, TICKS, type Told } from './eio-flow.ts'

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

describe('A flow whose disk fails to sync (needs strace) @long', () => {
  const folder = new Folder()
  let child: FailingDisk | null = null

  before(function () {
    if (!injects()) this.skip()
  })

  beforeEach(async () => {
    await folder.make()
    await RecoveryStore.init(folder.file('state'), 2)
  })

  afterEach(async () => {
    await child?.kill()
    child = null
    await folder.remove()
  })

  it('raises an alarm, writes what failed with the next, and counts everything once', async () => {
    // Long after the execution began: five syncs one after the other.
    child = new FailingDisk([folder.file('state'), 'once'], '60..64')
    const end = await child.tells('end')
    expect(child.alarms.length).to.be.within(2, 10)
    expect(child.alarms.join()).to.match(/snapshot could not be written/)
    expect(end.items).to.equal(TICKS)
    expect(end.committed).to.be.greaterThan(child.committedAtAlarm + 10)
    expect((await inspectStore(folder.file('state'))).damage).to.deep.equal([])
  })

  it('says that it can not begin, and where, when the disk failed before', async () => {
    child = new FailingDisk([folder.file('state'), 'once'], '1+')
    expect(await child.dies()).to.match(/RecoveryError: .*\/state.*sound disk/)
  })

  it('commits nothing more while it fails, is full at last, and resumes exactly behind its death', async () => {
    child = new FailingDisk([folder.file('state'), 'forever'], '60+')
    const full = await child.tells('full')
    // Two recorders' writes may have been on their way.
    expect(full.committed - child.committedAtAlarm).to.be.within(0, 2)
    expect(full.items).to.be.greaterThan(child.itemsAtAlarm)
    await child.kill()

    const { damage, resumeEpoch } = await inspectStore(folder.file('state'))
    expect(damage).to.deep.equal([])
    // A write that was on its way, of as many epochs as waited, may have reached both partitions.
    expect(resumeEpoch).to.be.at.least(full.committed)
    const counting = new Counting(systemRuntime)
    counting.ticks.end = full.items + 100
    await counting.start(await RecoveryStore.open(folder.file('state'))).done
    counting.checkResumed()
  })
})

/** Whether strace is here and may do what it has to. */
const injects = (): boolean =>
  spawnSync('strace', ['-qq', '-o', '/dev/null', '-e', 'inject=fdatasync:error=EIO', 'true'])
    .status === 0

/** The counting in a process whose syncs fail at some of their times, counted as strace does. */
class FailingDisk {
  readonly #child: ChildProcess
  readonly #told: Told[] = []
  readonly #ended: Promise<void>
  #said = ''
  #heard: () => void = () => {}

  constructor(words: readonly string[], when: string) {
    const inject = ['-e', 'trace=fdatasync', '-e', `inject=fdatasync:error=EIO:when=${when}`]
    const node = [process.execPath, '--conditions=source', '--import=tsx', PROGRAM, ...words]
    // With one thread for them, all syncs are counted together.
    const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
    this.#child = spawn('strace', ['-f', '-qq', '-o', '/dev/null', ...inject, ...node], {
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let line = ''
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (line + text).split('\n')
      line = lines.pop() ?? ''
      for (const each of lines) this.#told.push(JSON.parse(each) as Told)
      this.#heard()
    })
    this.#child.stderr?.on('data', (text) => {
      this.#said += String(text)
    })
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        resolve()
        this.#heard()
      })
    })
  }

  get alarms(): readonly string[] {
    return this.#told.filter(({ what }) => what === 'alarm').map(({ message }) => message ?? '')
  }

  get committedAtAlarm(): number {
    return this.#told.find(({ what }) => what === 'alarm')?.committed ?? Number.NaN
  }

  get itemsAtAlarm(): number {
    return this.#told.find(({ what }) => what === 'alarm')?.items ?? Number.NaN
  }

  tells(what: Told['what']): Promise<Told> {
    return new Promise((resolve, reject) => {
      this.#heard = () => {
        const told = this.#told.find((each) => each.what === what)
        if (told !== undefined) resolve(told)
        else if (this.#child.exitCode !== null) reject(new Error(this.#said))
      }
      this.#heard()
    })
  }

  /** All that it said in dying. */
  async dies(): Promise<string> {
    await this.#ended
    return this.#said
  }

  /** With strace, whose group the flow is in. */
  async kill(): Promise<void> {
    const { pid } = this.#child
    if (pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      process.kill(-pid, 'SIGKILL')
    }
    await this.#ended
  }
}

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
  // Before an execution has begun, a full disk ends it.
  while (counting.committed < 3) await after(10)
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
