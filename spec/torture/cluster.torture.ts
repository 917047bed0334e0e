import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from 'tidemark'
import { LocalNats } from '../../cluster/nats-server.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { counting } from '../cluster/flows/counting.ts'
import { linesIn, Member } from '../cluster/troupe.ts'
import { describeWithNats } from '../cluster/with-nats.ts'
import { Folder } from '../support/folder.ts'

const BEGINS = 'takes part in execution'
const ITEMS = Number(process.env['TORTURE_ITEMS'] ?? 40_000)
const KILLS = Number(process.env['TORTURE_KILLS'] ?? 50)
const RESTARTS = Number(process.env['TORTURE_RESTARTS'] ?? 20)
const PAUSE = 40

const pause = (time: number): Promise<void> =>
  new Promise((resolve) => {
    systemRuntime.after(time, resolve)
  })
const draw = (below: number): number => Math.floor(systemRuntime.random() * below)

interface Row {
  readonly fault: string
  readonly repetitions: number
  readonly lost: number
  readonly doubled: number
  readonly p50: number
  readonly p99: number
}

const quantile = (times: readonly number[], part: number): number => {
  const sorted = [...times].sort((a, b) => a - b)
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0)
}

const difference = (from: readonly string[], taken: readonly string[]): number => {
  const counts = new Map<string, number>()
  for (const line of taken) counts.set(line, (counts.get(line) ?? 0) + 1)
  let left = 0
  for (const line of from) {
    const count = counts.get(line) ?? 0
    if (count === 0) left += 1
    else counts.set(line, count - 1)
  }
  return left
}

describeWithNats('torture of a flow in three processes', function () {
  this.timeout(0)
  const folder = new Folder()
  const rows: Row[] = []
  let server: LocalNats
  let members: Member[] = []
  let expected: string[] = []

  before(async () => {
    await folder.make()
    await run(counting(folder.file('alone'), ITEMS, 0))
    expected = await linesIn(folder.file('alone'))
  })
  beforeEach(async () => {
    server = await LocalNats.start()
    for (const name of ['out', 'store-0', 'store-1', 'store-2']) {
      await rm(folder.file(name), { recursive: true, force: true })
    }
    members = [0, 1, 2].map(
      (process) =>
        new Member({
          process,
          count: 3,
          servers: server.url,
          args: [folder.file('out'), ITEMS, PAUSE],
          workers: 1,
          dir: folder.file(`store-${process}`),
          epochInterval: 200,
        }),
    )
    await begun(1)
  })
  afterEach(async () => {
    for (const member of members) member.discard()
    await Promise.all(members.map(({ ended }) => ended))
    await server.stop()
  })
  after(async () => {
    // biome-ignore lint/suspicious/noConsole: the table is what torture is for
    console.table(rows)
    await folder.remove()
  })

  const begun = async (times: number): Promise<void> => {
    await Promise.all(members.map((member) => member.says(BEGINS, times)))
  }
  const lives = (): number => Math.min(...members.map((member) => member.times(BEGINS)))
  const over = (): boolean => members.some(({ output }) => output !== '')

  /** Lets it end, and compares what is left with what one process leaves. */
  const judge = async (fault: string, times: readonly number[]): Promise<void> => {
    const codes = await Promise.all(members.map(({ ended }) => ended))
    const found = await linesIn(folder.file('out'))
    const lost = difference(expected, found)
    const doubled = difference(found, expected)
    const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)]
    rows.push({ fault, repetitions: times.length, lost, doubled, p50, p99 })
    expect(codes, members.map(({ log }) => log).join('\n')).to.deep.equal([0, 0, 0])
    expect([lost, doubled]).to.deep.equal([0, 0])
  }

  /** Strikes again and again, and measures how long it takes until an execution has begun after it. */
  const strike = async (times: number, fault: () => void): Promise<number[]> => {
    const recoveries: number[] = []
    while (recoveries.length < times && !over()) {
      await pause(500 + draw(1500))
      if (over()) break
      const before = lives()
      const began = systemRuntime.monotonic()
      fault()
      await Promise.race([begun(before + 1), Promise.all(members.map(({ ended }) => ended))])
      recoveries.push(systemRuntime.monotonic() - began)
    }
    return recoveries
  }

  it('kill -9 of a random process', async () => {
    await judge('kill -9 of one', await strike(KILLS, () => members[draw(3)]?.signal('SIGKILL')))
  })

  it('kill -9 of all at once', async () => {
    const all = (): void => {
      for (const member of members) member.signal('SIGKILL')
    }
    await judge('kill -9 of all', await strike(Math.ceil(KILLS / 5), all))
  })

  it('the NATS server restarted', async () => {
    for (let restart = 0; restart < RESTARTS; restart++) {
      await pause(200 + draw(800))
      await server.down(restart % 2 === 0 ? 'SIGKILL' : 'SIGTERM')
      await pause(draw(2000))
      await server.up()
    }
    await judge('NATS restarted', Array(RESTARTS).fill(0))
  })

  it("the NATS server's data wiped", async () => {
    await pause(1000)
    await server.down('SIGKILL')
    await rm(join(server.directory, 'jetstream'), { recursive: true, force: true })
    await server.up()
    await judge('NATS data wiped', [0])
  })

  it('a process stopped for 1 and 10 seconds', async () => {
    for (const seconds of [1, 10]) {
      await pause(500)
      const member = members[draw(3)]
      member?.signal('SIGSTOP')
      await pause(seconds * 1000)
      member?.signal('SIGCONT')
      await pause(2000)
    }
    await judge('SIGSTOP 1 s, 10 s', [0, 0])
  })
})
