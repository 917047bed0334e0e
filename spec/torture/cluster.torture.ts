import { execFileSync } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from 'tidemark'
import { LocalNats } from '../../cluster/nats-server.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { oversized } from '../cluster/flows/counting.ts'
import { linesIn, Member } from '../cluster/troupe.ts'
import { describeWithNats } from '../cluster/with-nats.ts'
import { Folder } from '../support/folder.ts'
import { gaps } from '../support/gaps.ts'
import { difference, type TortureRow, tortureTable } from '../support/torture-table.ts'

const ENDS = / formation \d+ ends: /
const TAKES_PART = / takes part in formation /
const UNDER_WAY = / is under way/
const ITEMS = 1_000_000
const KILLS = Number(process.env['TORTURE_KILLS'] ?? 50)
const RESTARTS = Number(process.env['TORTURE_RESTARTS'] ?? 20)
const PAUSE = 40
/** A process that was stopped for longer has no lease any more when it wakes: milliseconds. */
const LEASE = 1500

const pause = (time: number): Promise<void> =>
  new Promise((resolve) => {
    systemRuntime.after(time, resolve)
  })
const draw = (below: number): number => Math.floor(systemRuntime.random() * below)

describeWithNats('torture of a flow in three processes', function () {
  this.timeout(0)
  const folder = new Folder()
  const rows: TortureRow[] = []
  let server: LocalNats
  let members: Member[] = []
  let flow = 'counting'
  let recoveries: number[] = []
  let phases = new Map<string, number[]>()

  before(() => folder.make())
  beforeEach(async () => {
    for (const name of ['alone', 'out', 'out.log', 'store-0', 'store-1', 'store-2']) {
      await rm(folder.file(name), { recursive: true, force: true })
    }
    recoveries = []
    phases = new Map()
  })
  afterEach(async () => {
    for (const member of members) member.discard()
    await Promise.all(members.map(({ ended }) => ended))
    members = []
    await server.stop()
  })
  after(async () => {
    // biome-ignore lint/suspicious/noConsole: the table is what torture is for
    console.log(`\n${tortureTable(rows)}\n`)
    await folder.remove()
  })

  /** Three processes, each with a store of its own; the items last until the flow is told to stop. */
  const begin = async (
    options: {
      readonly flow?: string
      readonly args?: readonly unknown[]
      readonly listen?: string
      readonly launch?: (process: number) => readonly string[]
    } = {},
  ): Promise<void> => {
    flow = options.flow ?? 'counting'
    server = await LocalNats.start(
      options.listen === undefined ? {} : { args: ['-a', options.listen] },
    )
    const servers = `nats://${options.listen ?? '127.0.0.1'}:${server.port}`
    members = [0, 1, 2].map(
      (process) =>
        new Member(
          {
            process,
            count: 3,
            servers,
            args: options.args ?? [folder.file('out'), ITEMS, PAUSE],
            workers: 1,
            dir: folder.file(`store-${process}`),
            epochInterval: 200,
            flow: { module: 'spec/cluster/flows/counting.ts', export: flow },
          },
          options.launch?.(process),
        ),
    )
    await said(UNDER_WAY, 1)
  }

  const times = (what: RegExp): number =>
    members.reduce((sum, { lines }) => sum + lines.filter(({ text }) => what.test(text)).length, 0)
  /** All that was said, each line with its process and the time of this one. */
  const logs = (): string =>
    members
      .flatMap(({ lines }, process) => lines.map(({ at, text }) => ({ process, at, text })))
      .sort((a, b) => a.at - b.at)
      .map(({ process, at, text }) => `${Math.round(at)} ${process} ${text}`)
      .join('\n')
  const over = (): boolean => members.some(({ output }) => output !== '')
  const said = async (what: RegExp, count: number): Promise<void> => {
    while (times(what) < count && !over()) await pause(5)
  }

  /** Strikes, waits until the flow is under way again, and notes how long each part of that took. */
  const strike = async (fault: () => void | Promise<void>): Promise<void> => {
    const before = times(UNDER_WAY)
    const began = systemRuntime.monotonic()
    await fault()
    await said(UNDER_WAY, before + 1)
    recoveries.push(systemRuntime.monotonic() - began)
    const after = (what: RegExp): number[] =>
      members
        .flatMap(({ lines }) => lines)
        .filter(({ at, text }) => at >= began && what.test(text))
        .map(({ at }) => at)
    // Where all were killed, none is left to see it.
    const seen = after(ENDS)
    const moments = [
      ...(seen.length === 0 ? [] : [['seen', Math.min(...seen)] as const]),
      ['formed', Math.max(...after(TAKES_PART))],
      ['under way', Math.max(...after(UNDER_WAY))],
    ] as const
    let last = began
    for (const [name, at] of moments) {
      phases.set(name, [...(phases.get(name) ?? []), at - last])
      last = at
    }
  }

  /** Stops the flow, and compares what it has left with what one process leaves of as many items. */
  const judge = async (fault: string, repetitions: number): Promise<void> => {
    await pause(1000)
    members[draw(3)]?.signal('SIGTERM')
    const codes = await Promise.all(members.map(({ ended }) => ended))
    expect(codes, logs()).to.deep.equal([0, 0, 0])
    const found = await linesIn(folder.file('out'))
    const { lost, doubled } = gaps(found)
    rows.push({ fault, repetitions, lost, doubled, recoveries, phases })
    expect([lost, doubled]).to.deep.equal([0, 0])
  }

  it('kill -9 of a random process', async () => {
    await begin()
    for (let kill = 0; kill < KILLS; kill++) {
      await pause(500 + draw(1500))
      await strike(() => members[draw(3)]?.signal('SIGKILL'))
    }
    await judge('kill -9 of one', KILLS)
  })

  it('kill -9 of the process that leads', async () => {
    await begin()
    const strikes = Math.ceil(KILLS / 5)
    for (let kill = 0; kill < strikes; kill++) {
      await pause(500 + draw(1500))
      // Whoever has formed the last execution was the first to take part in it.
      const first = members
        .map((member) => ({
          member,
          at: member.lines.findLast(({ text }) => TAKES_PART.test(text))?.at ?? 0,
        }))
        .sort((a, b) => a.at - b.at)[0]
      await strike(() => first?.member.signal('SIGKILL'))
    }
    await judge('kill -9 of the leader', strikes)
  })

  it('kill -9 of all at once', async () => {
    await begin()
    const strikes = Math.ceil(KILLS / 5)
    for (let kill = 0; kill < strikes; kill++) {
      await pause(500 + draw(1500))
      await strike(() => {
        for (const member of members) member.signal('SIGKILL')
      })
    }
    await judge('kill -9 of all', strikes)
  })

  it('the NATS server restarted, and away for a minute', async () => {
    await begin()
    for (let restart = 0; restart < RESTARTS; restart++) {
      await pause(200 + draw(800))
      await server.down(restart % 2 === 0 ? 'SIGKILL' : 'SIGTERM')
      await pause(draw(2000))
      await server.up()
    }
    await pause(2000)
    expect(times(UNDER_WAY), logs()).to.equal(1)
    await judge('NATS restarted, in one execution', RESTARTS)
  })

  it('the NATS server away for a minute', async () => {
    await begin()
    await server.down('SIGKILL')
    await pause(60_000)
    await server.up()
    await pause(3000)
    expect(times(UNDER_WAY), logs()).to.equal(1)
    await judge('NATS away for 60 s, in one execution', 1)
  })

  it("the NATS server's data wiped", async () => {
    await begin()
    for (let wipe = 0; wipe < 3; wipe++) {
      await pause(1000)
      await server.down('SIGKILL')
      await rm(join(server.directory, 'jetstream'), { recursive: true, force: true })
      await server.up()
    }
    await pause(2000)
    await judge('NATS data wiped', 3)
  })

  for (const seconds of [1, 10, 40]) {
    it(`a process stopped for ${seconds} s, that writes nothing when it wakes too late`, async () => {
      await begin({ flow: 'witnessed' })
      await pause(500)
      const member = members[draw(3)]
      const pid = member?.pid
      member?.signal('SIGSTOP')
      await pause(seconds * 1000)
      const woken = systemRuntime.now()
      member?.signal('SIGCONT')
      await pause(4000)
      const writes = (await readFile(`${folder.file('out')}.log`, 'utf8')).trim().split('\n')
      const zombies = writes
        .map((line) => line.split(' ').map(Number))
        .filter(([writer]) => writer === pid)
        .filter(([, built_ = 0, , at = 0]) => built_ < woken && at >= woken)
      if (seconds * 1000 > LEASE) expect(zombies).to.deep.equal([])
      await judge(`SIGSTOP ${seconds} s, writes of a zombie: 0`, 1)
    })
  }

  it('a worker whose event loop is blocked for 15 s', async () => {
    await begin({ flow: 'troubled', args: [folder.file('out'), 15_000] })
    const codes = await Promise.all(members.map(({ ended }) => ended))
    expect(codes).to.deep.equal([0, 0, 0])
    expect(logs()).to.match(/has not answered for 5 s: its thread is busy in .*"troubled\./)
    expect(times(UNDER_WAY), logs()).to.equal(1)
    const lines = (await linesIn(folder.file('out'))).length
    const row = { fault: 'loop blocked for 15 s, in one execution', repetitions: 1, recoveries }
    rows.push({ ...row, lost: Math.max(0, 400 - lines), doubled: Math.max(0, lines - 400) })
    expect(lines).to.equal(400)
  })

  it('items of 1 MB - 1, 1 MB and 10 MB between processes', async () => {
    await begin({ flow: 'oversized', args: [folder.file('out')] })
    const codes = await Promise.all(members.map(({ ended }) => ended))
    expect(codes, logs()).to.deep.equal([0, 0, 0])
    await run(oversized(folder.file('alone')))
    const expected = await linesIn(folder.file('alone'))
    const found = await linesIn(folder.file('out'))
    const [lost, doubled] = [difference(expected, found), difference(found, expected)]
    rows.push({
      fault: 'items up to 10 MB',
      repetitions: expected.length,
      lost,
      doubled,
      recoveries,
    })
    expect([lost, doubled]).to.deep.equal([0, 0])
  })

  it('the recovery directory of one process deleted while it is down', async () => {
    await begin()
    await pause(1000)
    const [, one] = members as [Member, Member, Member]
    one.signal('SIGSTOP')
    await rm(folder.file('store-1'), { recursive: true, force: true })
    one.signal('SIGKILL')
    const codes = await Promise.all(members.map(({ ended }) => ended))
    expect(codes).to.deep.equal([1, 1, 1])
    expect(logs()).to.match(/failed: (Missing|Inconsistent|No)PartitionsError/)
    const { doubled } = gaps(await linesIn(folder.file('out')))
    rows.push({
      fault: 'recovery directory deleted: ends with an error',
      repetitions: 1,
      lost: 0,
      doubled,
      recoveries,
    })
    expect(doubled).to.equal(0)
  })

  const cut = process.getuid?.() === 0 ? it : it.skip
  cut('the network cut between one process and NATS (needs root)', async () => {
    const space = `tidemark${process.pid}`
    const [near, far] = [`tmn${process.pid}`, `tmf${process.pid}`]
    const ip = (...args: readonly string[]): void => {
      execFileSync('ip', args, { stdio: 'ignore' })
    }
    ip('netns', 'add', space)
    try {
      ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far)
      ip('link', 'set', far, 'netns', space)
      ip('addr', 'add', '10.231.7.1/24', 'dev', near)
      ip('link', 'set', near, 'up')
      ip('netns', 'exec', space, 'ip', 'addr', 'add', '10.231.7.2/24', 'dev', far)
      ip('netns', 'exec', space, 'ip', 'link', 'set', far, 'up')
      await begin({
        flow: 'witnessed',
        listen: '10.231.7.1',
        launch: (process) => (process === 1 ? ['ip', 'netns', 'exec', space] : []),
      })
      for (const seconds of [1, 5, 20]) {
        await pause(1500)
        ip('link', 'set', near, 'down')
        await pause(seconds * 1000)
        ip('link', 'set', near, 'up')
        await pause(8000)
      }
      await judge('network cut for 1, 5 and 20 s', 3)
    } finally {
      for (const member of members) member.discard()
      execFileSync('ip', ['netns', 'del', space])
    }
  })
})
