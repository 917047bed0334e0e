import { expect } from 'chai'
import { run } from 'tidemark'
import { LocalNats } from '../../cluster/nats-server.ts'
import { type Child, installed } from '../cli/children.ts'
import { Folder } from '../support/folder.ts'
import { counting } from './flows/counting.ts'
import { linesIn } from './troupe.ts'
import { describeWithNats } from './with-nats.ts'

const ITEMS = 600

describeWithNats('tidemark run, in several processes', () => {
  const folder = new Folder()
  let children: Child[] = []

  beforeEach(() => folder.make())
  afterEach(async () => {
    for (const child of children) child.discard()
    children = []
    await folder.remove()
  })

  const flow = (pause: number): string =>
    `spec/cluster/flows/counting.ts:counting('${folder.file('out')}', ${ITEMS}, ${pause})`

  const begin = (args: readonly string[], variables = {}): Child => {
    const child = installed(['run', ...args, '--no-api'], variables)
    children.push(child)
    return child
  }

  const undisturbed = async (): Promise<string[]> => {
    await run(counting(folder.file('alone'), ITEMS, 0))
    return linesIn(folder.file('alone'))
  }

  it('starts them itself with a server for them (-p), and an interrupt stops all cleanly', async () => {
    const store = ['-r', folder.file('store'), '-s', '0.05']
    const first = begin([flow(100), '-p', '2', ...store])
    await first.says('process 0 takes part')
    await first.says('process 1 takes part')
    first.signal('SIGINT')
    expect(await first.ends()).to.equal(130)
    const second = begin([flow(0), '-p', '2', '-w', '2', ...store])
    expect(await second.ends()).to.equal(0)
    expect(second.stderr).to.include('4 workers in 2 of 2 processes')
    expect(await linesIn(folder.file('out'))).to.deep.equal(await undisturbed())
  })

  it('is one of them (-i of -P), by flags or variables, and refuses one with another flow', async () => {
    const server = await LocalNats.start()
    const there = { TIDEMARK_NATS_URL: server.url, TIDEMARK_PROCESS_COUNT: '2' }
    const zero = begin([flow(200), '-i', '0', '-P', '2', '-n', server.url])
    const one = begin([flow(200), '-w', '2'], { ...there, TIDEMARK_PROCESS_ID: '1' })
    await Promise.all([zero.says('takes part'), one.says('takes part')])
    const strange = `spec/cluster/flows/counting.ts:stranger('${folder.file('strange')}')`
    const stranger = begin([strange, '-i', '1'], there)
    expect(await stranger.ends()).to.equal(1)
    expect(stranger.stderr).to.match(/another flow|runs already somewhere else/)
    expect(await Promise.all([zero.ends(), one.ends()])).to.deep.equal([0, 0])
    await server.stop()
    expect(await linesIn(folder.file('out'))).to.deep.equal(await undisturbed())
  })

  it('fails as a whole with what user code threw, and takes a blocked thread for busy, not lost', async () => {
    const troubled = (out: string, block: number): string =>
      `spec/cluster/flows/counting.ts:troubled('${folder.file(out)}', ${block})`
    const store = (name: string): string[] => ['-r', folder.file(name), '-s', '0.1']
    const throwing = begin([troubled('a', 0), '-p', '2', ...store('store-a')])
    expect(await throwing.ends()).to.equal(1)
    expect(throwing.stderr).to.include('failed in mapper').and.include('fifty')
    const blocking = begin([troubled('b', 3500), '-p', '2', ...store('store-b')])
    expect(await blocking.ends()).to.equal(0)
    expect(blocking.stderr.split('takes part').length - 1).to.equal(2)
    expect(await linesIn(folder.file('b'))).to.have.lengthOf(400)
  })
})
