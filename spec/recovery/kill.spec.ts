import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { RecoveryStore } from 'tidemark'
import { builtProgram } from '../support/built-programs.ts'
import { rounds } from '../support/effort.ts'
import { Folder } from '../support/folder.ts'
import { SEED, SEEDED } from '../support/seed.ts'
import type { Deadly } from './deadly-store.ts'
import { type ChildOrders, FILES, undisturbed } from './kill-flow.ts'

const CHILD = 'spec/recovery/kill-flow.ts'
/** The kills of one history; thirty where there is time. */
const KILLS = rounds({ test: 5, ci: 30, torture: 300 })
const EARLY_KILLS = rounds({ test: 7, ci: 20, torture: 100 })
const ACCOUNTS = 400
/** Slow enough that no history is over before its kills are: 30 lines a millisecond. */
const PAUSE = 10

/** One directory with its input, its state and its output, and one life after the other in it. */
class History {
  readonly folder = new Folder()
  readonly chance: () => number

  constructor(seed: number) {
    this.chance = chanceOf(seed)
  }

  /** Lives as `killed` says, then once more to the end. */
  async run(killed: (history: History) => Promise<Partial<ChildOrders>>): Promise<void> {
    await this.folder.make()
    await mkdir(this.folder.file('out'))
    await RecoveryStore.init(this.folder.file('state'), 3)
    const last = await killed(this)
    expect(await this.live({ pause: 0, ...last }, null), 'the last life was cut short').to.equal(
      false,
    )
  }

  /** Runs the flow in a process, which may be killed; true if it was. */
  live(orders: Partial<ChildOrders>, after: KillTime | null): Promise<boolean> {
    return live({ dir: this.folder.path, ...USUAL, ...orders }, after)
  }
}

const killedAtAnyMoment = async (history: History): Promise<Partial<ChildOrders>> => {
  const { chance } = history
  await writeInput(history, KILLS * 18_000)
  for (let kill = 0; kill < KILLS; kill++) {
    const workers = WORKERS[kill % WORKERS.length] as (typeof WORKERS)[number]
    const after =
      kill % 5 === 3
        ? { from: 'start' as const, ms: chance() * 1500 }
        : { from: 'ready' as const, ms: 100 + chance() * 500 }
    expect(await history.live(workers, after), `life ${kill} ended too soon`).to.equal(true)
  }
  return {}
}

const killedEarly = async (history: History): Promise<Partial<ChildOrders>> => {
  await writeInput(history, 12_000)
  for (let kill = 0; kill < EARLY_KILLS; kill++) {
    const orders = { epochInterval: 60_000, workers: 1 + (kill % 3) }
    const after = { from: 'ready' as const, ms: history.chance() * 250 }
    expect(await history.live(orders, after), `life ${kill} ended too soon`).to.equal(true)
  }
  return {}
}

const killedAtSteps = async (history: History): Promise<Partial<ChildOrders>> => {
  const { chance } = history
  await writeInput(history, 60_000)
  for (const [at, when, most] of STEPS) {
    const deadly = { at, when, nth: 1 + Math.floor(chance() * most) }
    const workers = 1 + Math.floor(chance() * 3)
    const killed = await history.live({ epochInterval: 50, workers, deadly }, null)
    expect(killed, `${at} ${deadly.nth}`).to.equal(true)
  }
  return { workers: 2 }
}

interface KillTime {
  readonly from: 'start' | 'ready'
  readonly ms: number
}

const USUAL = { epochInterval: 200, workers: 1, threads: false, pause: PAUSE, deadly: null }

const WORKERS = [
  { workers: 1 },
  { workers: 3 },
  { workers: 2, threads: true },
  { workers: 2 },
  { workers: 3, threads: true },
] as const

/** Each kind of step, and within how many calls of it the process dies. */
const STEPS: readonly (readonly [Deadly['at'], Deadly['when'], number])[] = [
  ['append', 'after', 12],
  ['load', 'before', 3],
  ['begin', 'before', 3],
  ['begin', 'after', 3],
  ['append', 'before', 12],
  ['load', 'after', 3],
  ['commit', 'before', 12],
  ['commit', 'after', 12],
]

/** Resolves when the process is gone: true if it was killed. */
const live = (orders: ChildOrders, after: KillTime | null): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [builtProgram(CHILD), JSON.stringify(orders)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let told = ''
    const kill = (): void => {
      setTimeout(() => child.kill('SIGKILL'), after?.ms ?? 0)
    }
    if (after?.from === 'start') kill()
    child.stdout.on('data', () => {
      if (after?.from === 'ready') kill()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL' || code === 0) resolve(signal === 'SIGKILL')
      else reject(new Error(`The child ended with ${code ?? signal}: ${told}`))
    })
  })

/** A number from 0 to 1, the same again from the same seed (Vigna, splitmix; here in 32 bits). */
const chanceOf = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

/** Files of payments. */
const writeInput = async ({ folder, chance }: History, lines: number): Promise<void> => {
  await mkdir(folder.file('in'))
  for (let file = 0; file < FILES; file++) {
    const payments = paymentsOf(file, { count: lines / FILES, chance })
    await writeFile(folder.file(`in/${file}.txt`), `${payments.join('\n')}\n`)
  }
}

/** An account occurs in one file only, and the two sides of an order in the same. */
const paymentsOf = (
  file: number,
  { count, chance }: { readonly count: number; readonly chance: () => number },
): string[] => {
  const below = (limit: number): number => Math.floor(chance() * limit)
  const open: string[] = []
  return Array.from({ length: count }, (_, line) => {
    const closes = open.length > 300 || (open.length > 0 && chance() < 0.5)
    const [order = `o${file}-${line}`] = closes ? open.splice(below(open.length), 1) : []
    if (!closes) open.push(order)
    return `a${file}-${below(ACCOUNTS / FILES)} ${below(100)} ${order} ${closes ? 'right' : 'left'} ${line * 2}`
  })
}

/** What is promised of the output: the lines of each key in their order. */
const written = async (folder: Folder): Promise<Record<string, string>> => {
  const running = await readdir(folder.file('out/running'))
  const lines = await Promise.all(
    running.sort().map(async (name) => [name, await linesOf(folder, `running/${name}`)] as const),
  )
  return {
    running: lines.map(([name, text]) => `${name}\n${text}`).join('\n'),
    totals: await linesOf(folder, 'totals'),
    orders: await linesOf(folder, 'orders'),
    hours: await linesOf(folder, 'hours'),
    bursts: await linesOf(folder, 'bursts'),
  }
}

/** Lines by key, each key's in the order in which they stand. */
const linesOf = async (folder: Folder, name: string): Promise<string> => {
  const text = await readFile(folder.file(`out/${name}`), 'utf8')
  const keyOf = (line: string): string => line.slice(0, line.indexOf(' '))
  return text
    .split('\n')
    .map((line) => [keyOf(line), line] as const)
    .sort(([a], [b]) => Number(a > b) - Number(a < b))
    .map(([, line]) => line)
    .join('\n')
}

const expected = async (folder: Folder): Promise<Record<string, string>> => {
  const reference = new Folder()
  await reference.make()
  try {
    await symlink(folder.file('in'), reference.file('in'))
    await mkdir(reference.file('out'))
    await undisturbed(reference.path)
    const lines = await written(reference)
    for (const text of Object.values(lines)) expect(text.length).to.be.greaterThan(1000)
    return lines
  } finally {
    await reference.remove()
  }
}

describe(`A flow whose process is killed (${SEEDED})`, function () {
  this.timeout(KILLS * 10_000 + 600_000)

  // Each spends most of its time waiting for processes, so they live side by side.
  const anyMoment = new History(SEED)
  const firstEpoch = new History(SEED + 1)
  const eachStep = new History(SEED + 2)
  let told: readonly Promise<void>[] = []

  before(() => {
    told = [
      anyMoment.run(killedAtAnyMoment),
      firstEpoch.run(killedEarly),
      eachStep.run(killedAtSteps),
    ]
    for (const each of told) each.catch(() => {})
  })

  after(async () => {
    await Promise.allSettled(told)
    for (const history of [anyMoment, firstEpoch, eachStep]) await history.folder.remove()
  })

  const leavesTheSame = async (history: History, at: number): Promise<void> => {
    await told[at]
    expect(await written(history.folder)).to.deep.equal(await expected(history.folder))
  }

  it('leaves what an undisturbed run leaves, killed at any moment, on 1, 2 and 3 workers', () =>
    leavesTheSame(anyMoment, 0))

  it('does so when it never lives through its first epoch', () => leavesTheSame(firstEpoch, 1))

  it('does so when it dies while it resumes, while it writes and while it commits', () =>
    leavesTheSame(eachStep, 2))
})
