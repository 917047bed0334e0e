import { mkdir, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import { DirSource } from '../../../connectors/files/index.ts'
import { describeSource, TestingSink } from '../../../testing/index.ts'
import { Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()

describeSource('DirSource', () =>
  folder.world(async () => {
    await writeFile(folder.file('in'), 'one\ntwo\nthree\n')
    return { source: new DirSource(folder.path, { batchSize: 1 }), items: ['one', 'two', 'three'] }
  }),
)

describe('DirSource', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  it('reads all of its files in one flow', async () => {
    const names = ['one', 'two', 'three', 'four', 'five']
    for (const name of names) await writeFile(folder.file(`${name}.txt`), `${name}1\n${name}2\n`)
    const flow = dataflow('dir')
    const sink = new TestingSink<string>()
    flow.input('in', new DirSource(folder.path)).output('out', sink)
    await run(flow)
    expect(sink.items).to.have.members(names.flatMap((name) => [`${name}1`, `${name}2`]))
  })

  it('lists matching files by name, without directories and hidden files', async () => {
    await mkdir(folder.file('sub.log'))
    for (const name of ['b.log', 'a.log', 'c.txt', '.d.log'])
      await writeFile(folder.file(name), 'x\n')
    const listed = (glob: string) => new DirSource(folder.path, { glob }).listParts()
    expect(await listed('*.log')).to.deep.equal([folder.file('a.log'), folder.file('b.log')])
    expect(await listed('[a-b].{log,txt}')).to.deep.equal([
      folder.file('a.log'),
      folder.file('b.log'),
    ])
    expect(await listed('.*')).to.deep.equal([folder.file('.d.log')])
    expect(await messageOf(() => listed('*.csv'))).to.contain('"*.csv"')
  })

  it('names a missing directory, and a path that is none', async () => {
    const missing = await messageOf(() => new DirSource(folder.file('none')).listParts())
    expect(missing).to.contain(`input directory \`${folder.file('none')}\` does not exist`)
    await writeFile(folder.file('plain'), '')
    const plain = await messageOf(() => new DirSource(folder.file('plain')).listParts())
    expect(plain).to.contain(`input directory \`${folder.file('plain')}\` is not a directory`)
  })
})
