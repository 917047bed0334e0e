import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { BuildError, type NatsPlace, run, start } from 'tidemark'
import { LocalNats } from '../../cluster/nats-server.ts'
import { Folder } from '../support/folder.ts'
import { counting, oversized } from './flows/counting.ts'
import { linesIn } from './troupe.ts'
import { describeWithNats } from './with-nats.ts'

const ITEMS = 400

describeWithNats('run, told where the others are', () => {
  const folder = new Folder()
  let server: LocalNats

  beforeEach(async () => {
    await folder.make()
    server = await LocalNats.start()
  })
  afterEach(async () => {
    await server.stop()
    await folder.remove()
  })

  const flow = (pause: number) => ({
    module: pathToFileURL('spec/cluster/flows/counting.ts').href,
    export: 'counting',
    args: [folder.file('out'), ITEMS, pause],
  })
  const place = (process: number): NatsPlace => ({ servers: server.url, process, count: 2 })

  it('runs this part of the flow and gives what all parts have done', async () => {
    const [zero, one] = await Promise.all(
      [0, 1].map((process) => run(flow(0), { nats: place(process), workers: 1 + process })),
    )
    expect([zero?.reason, one?.reason]).to.deep.equal(['eof', 'eof'])
    expect(zero?.itemsIn).to.equal(4 * ITEMS)
    await run(counting(folder.file('alone'), ITEMS, 0))
    expect(await linesIn(folder.file('out'))).to.deep.equal(await linesIn(folder.file('alone')))
  })

  it('carries items as large as a server takes at most, and ten times as large', async () => {
    const large = {
      module: pathToFileURL('spec/cluster/flows/counting.ts').href,
      export: 'oversized',
      args: [folder.file('out'), 2],
    }
    await Promise.all([0, 1].map((process) => run(large, { nats: place(process) })))
    await run(oversized(folder.file('alone'), 2))
    expect(await linesIn(folder.file('out'))).to.deep.equal(await linesIn(folder.file('alone')))
  })

  it('goes on in one execution when all that the server kept is gone', async () => {
    const logs: string[] = []
    const say = (...said: readonly unknown[]): void => void logs.push(said.join(' '))
    const executions = [0, 1].map((process) =>
      start(flow(60), {
        nats: place(process),
        recovery: { dir: folder.file(`store-${process}`) },
        epochInterval: 50,
        logger: { info: say, warn: say, error: say },
      }),
    )
    await new Promise<void>((resolve) => {
      executions[0]?.events$.subscribe((event) => {
        if (event.kind === 'committed' && event.epoch > 3) resolve()
      })
    })
    await server.down('SIGKILL')
    await rm(join(server.directory, 'jetstream'), { recursive: true, force: true })
    await server.up()
    const ends = await Promise.all(executions.map(({ done }) => done))
    expect(ends.map(({ reason }) => reason)).to.deep.equal(['eof', 'eof'])
    expect(logs.filter((line) => line.includes('takes part in formation'))).to.have.lengthOf(2)
    await run(counting(folder.file('alone'), ITEMS, 0))
    expect(await linesIn(folder.file('out'))).to.deep.equal(await linesIn(folder.file('alone')))
  })

  it('is through at once for who comes back to a run that has ended without it', async () => {
    const stores = [0, 1].map((process) => ({ dir: folder.file(`store-${process}`) }))
    const [zero, one] = stores.map((recovery, process) =>
      start(flow(20), { nats: place(process), recovery, epochInterval: 50 }),
    )
    const left = join(folder.file('store-1'), 'process-1')
    const mark = await new Promise<string>((resolve) => {
      one?.events$.subscribe((event) => {
        if (event.kind === 'committed') resolve(readFileSync(left, 'utf8'))
      })
      zero?.events$.subscribe((event) => {
        if (event.kind === 'committed') resolve(readFileSync(left, 'utf8'))
      })
    })
    await Promise.all([zero?.done, one?.done])
    // As its directory is when it was killed before it heard of the end.
    await writeFile(left, mark)
    const late = await run(flow(20), { nats: place(1), recovery: { dir: folder.file('store-1') } })
    expect([late.reason, late.itemsIn]).to.deep.equal(['eof', 0])
  })

  it('stops as a whole when one is told to', async () => {
    const recovery = (process: number) => ({ dir: folder.file(`store-${process}`) })
    const [zero, one] = [0, 1].map((process) =>
      start(flow(100), { nats: place(process), recovery: recovery(process), epochInterval: 50 }),
    )
    await new Promise<void>((resolve) => {
      zero?.events$.subscribe((event) => {
        if (event.kind === 'committed' && event.epoch > 3) resolve()
      })
    })
    await one?.stop()
    expect([(await zero?.done)?.reason, (await one?.done)?.reason]).to.deep.equal([
      'stopped',
      'stopped',
    ])
  })

  it('wants the module of the flow, which every process loads itself', () => {
    expect(() => start(counting(folder.file('out'), 1, 0), { nats: place(0) })).to.throw(
      BuildError,
      /each load its module/,
    )
  })
})
