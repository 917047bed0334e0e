import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Dataflow, dataflow, RecoveryError, RecoveryStore, run, systemRuntime } from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { inspectStore, removeStep } from '../../lib/recovery/inspect.ts'
import { failure } from '../support/failure.ts'
import { Counting } from './counting.ts'

const ROOT = process.getuid?.() === 0
const NOBODY = 65_534

describe('A recovery directory that can not be used', () => {
  let dir = ''

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tidemark-unusable-'))
  })

  afterEach(() => rm(dir, { recursive: true, force: true }))

  const counting = (): Dataflow => {
    const flow = dataflow('counting')
    flow
      .input('in', new TestingSource(['a', 'b']))
      .pipe(
        keyOn('key', (item) => item),
        statefulMap('count', (count: number | null) => [(count ?? 0) + 1, (count ?? 0) + 1]),
      )
      .output('out', new TestingSink())
    return flow
  }

  /** All that a program may ask of a directory is refused in the same words. */
  const refused = async (path: string, words: RegExp): Promise<void> => {
    const asked = {
      run: () => run(counting(), { recovery: { dir: path } }),
      init: () => RecoveryStore.init(path, 2),
      open: () => RecoveryStore.open(path),
      inspect: () => inspectStore(path),
      remove: () => removeStep(path, 'count'),
    }
    for (const [name, ask] of Object.entries(asked)) await refusedIn(ask(), { name, path, words })
  }

  const refusedIn = async (
    asked: Promise<unknown>,
    { name, path, words }: { name: string; path: string; words: RegExp },
  ): Promise<void> => {
    const error = await failure(asked)
    expect(error, name).to.be.instanceOf(RecoveryError)
    expect(String(error), name).to.contain(path).and.to.match(words)
  }

  /** Runs as a user who owns nothing here; where nobody is root, as the one who runs the specs. */
  const unprivileged = async (doing: () => Promise<void>): Promise<void> => {
    if (ROOT) process.seteuid?.(NOBODY)
    try {
      await doing()
    } finally {
      if (ROOT) process.seteuid?.(0)
    }
  }

  it('since it is a file: says so, and to name a directory', async () => {
    const file = join(dir, 'file')
    await writeFile(file, '')
    await refused(file, /name a directory/)
    await refused(join(file, 'state'), /name a directory/)
  })

  it('since the process may not enter it: says so, and what to do', async () => {
    const closed = join(dir, 'closed')
    await mkdir(closed)
    await chmod(closed, 0o000)
    await unprivileged(() => refused(join(closed, 'state'), /this process may not/))
    await chmod(closed, 0o700)
  })

  it('since the process may not write there: says so, and loses nothing', async function () {
    if (!ROOT) return this.skip()
    const state = join(dir, 'state')
    await run(counting(), { recovery: { dir: state, partitions: 2 } })
    execFileSync('chmod', ['-R', 'a+rX,go-w', dir])
    const about = { path: state, words: /Permission denied.*(readable and writable)/ }
    await unprivileged(async () => {
      const running = run(counting(), { recovery: { dir: state } })
      await refusedIn(running, { name: 'run', ...about })
      await refusedIn(removeStep(state, 'count'), { name: 'remove', ...about })
    })
    const { damage, steps } = await inspectStore(state)
    expect(damage).to.deep.equal([])
    expect(steps.find(({ stepId }) => stepId === 'count')?.keys).to.equal(2)
  })

  it('since the process may not make it: says so, and makes nothing', async function () {
    if (!ROOT) return this.skip()
    const empty = join(dir, 'empty')
    await mkdir(empty)
    execFileSync('chmod', ['-R', 'a+rX,go-w', dir])
    const about = { path: empty, words: /this process may not/ }
    await unprivileged(async () => {
      const running = run(counting(), { recovery: { dir: empty } })
      await refusedIn(running, { name: 'run', ...about })
      await refusedIn(RecoveryStore.init(empty, 2), { name: 'init', ...about })
    })
    expect(await readdir(empty)).to.deep.equal([])
  })

  it('since its file system is read-only: says so (needs root, for a small disk of its own)', async function () {
    const disk = join(dir, 'disk')
    await mkdir(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk], { stdio: 'ignore' })
    } catch {
      return this.skip()
    }
    try {
      const state = join(disk, 'state')
      await RecoveryStore.init(state, 2)
      execFileSync('mount', ['-o', 'remount,ro', disk])
      const running = run(counting(), { recovery: { dir: state } })
      await refusedIn(running, { name: 'run', path: state, words: /[Rr]ead-only.*writable/ })
      const fresh = join(disk, 'fresh')
      const making = RecoveryStore.init(fresh, 2)
      await refusedIn(making, { name: 'init', path: fresh, words: /[Rr]ead-only.*writable/ })
    } finally {
      execFileSync('umount', [disk])
    }
  })

  it('since it was taken away while the flow runs: raises an alarm, commits nothing more, and goes on when it is back', async () => {
    const state = join(dir, 'state')
    const flow = new Counting(systemRuntime)
    const alarm = new Promise<void>((resolve) => {
      flow.onAlarm = resolve
    })
    const execution = flow.start(await RecoveryStore.init(state, 2))
    await new Promise<void>((resolve) => {
      const watching = execution.events$.subscribe(({ kind }) => {
        if (kind !== 'committed' || flow.committed < 5) return
        watching.unsubscribe()
        resolve()
      })
    })
    await rename(state, join(dir, 'away'))
    await alarm
    expect(flow.alarms.join())
      .to.match(/snapshot could not be written/)
      .and.to.contain(state)
    const { committed } = flow
    const items = flow.sink.items.length
    while (flow.sink.items.length < items + 200) await aWhile()
    expect(flow.committed - committed).to.be.within(0, 2)
    await rename(join(dir, 'away'), state)
    while (flow.committed <= committed + 5) await aWhile()
    flow.ticks.end = flow.ticks.at + 100
    await execution.done
    flow.checkCounts()
    expect((await inspectStore(state)).damage).to.deep.equal([])
  })
})

const aWhile = (): Promise<void> =>
  new Promise((resolve) => {
    systemRuntime.after(10, resolve)
  })
