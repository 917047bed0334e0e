import { writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { BuildError } from 'tidemark'
import { CSVSource, FileSource } from 'tidemark/connectors/files'
import { describeSource } from 'tidemark/testing'
import { drain, Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()

describeSource('FileSource of a gzip file', () =>
  folder.world(async () => {
    const packed = [gzipSync('eins\nzwö'), gzipSync('lf\n\nlast')]
    await writeFile(folder.file('in.gz'), Buffer.concat(packed))
    const source = new FileSource(folder.file('in.gz'), { batchSize: 1 })
    return { source, items: ['eins', 'zwölf', '', 'last'] }
  }),
)

describe('a gzip file', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const LINES = Array.from({ length: 20_000 }, (_, at) => `line ${at}`)
  const packed = gzipSync(`${LINES.join('\n')}\n`)

  const read = async (name: string, resume: number | null = null): Promise<string[]> => {
    const source = new FileSource(folder.file(name), { gzip: true })
    return drain(await source.buildPart('flow.in', folder.file(name), resume))
  }

  it('resumes at an offset of what it unpacks to', async () => {
    await writeFile(folder.file('in'), packed)
    const before = LINES.slice(0, 15_000).join('\n').length + 1
    expect(await read('in', before)).to.deep.equal(LINES.slice(15_000))
    expect(await messageOf(() => read('in', 9_000_000))).to.include('unpacks to')
  })

  it('says that it is cut short, damaged, or none', async () => {
    await writeFile(folder.file('short'), packed.subarray(0, packed.length - 20))
    expect(await messageOf(() => read('short'))).to.include('cut short')
    const damaged = Buffer.from(packed)
    damaged.fill(0xff, 2000, 2100)
    await writeFile(folder.file('damaged'), damaged)
    expect(await messageOf(() => read('damaged'))).to.include('damaged')
    await writeFile(folder.file('text'), 'no gzip at all')
    expect(await messageOf(() => read('text'))).to.include('no gzip file')
  })

  it('holds the rows of a CSV file', async () => {
    await writeFile(folder.file('rows.csv.gz'), gzipSync('a,b\n1,2\n3,4\n'))
    const source = new CSVSource(folder.file('rows.csv.gz'))
    const rows = await drain(await source.buildPart('flow.in', folder.file('rows.csv.gz'), null))
    expect(rows).to.deep.equal([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
    ])
  })

  it('can be neither followed nor cut into ranges', () => {
    expect(() => new FileSource('in.gz', { follow: true })).to.throw(BuildError)
    expect(() => new FileSource('in.gz', { ranges: 2 })).to.throw(BuildError)
  })
})
