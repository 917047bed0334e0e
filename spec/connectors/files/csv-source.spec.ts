import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { CSVSource } from '../../../connectors/files/index.ts'
import { describeSource } from '../../../testing/index.ts'
import { drain, Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()

describeSource('CSVSource', () =>
  folder.world(async () => {
    await writeFile(folder.file('in'), '\uFEFF"a",b\r\n1,"x\ny"\n\n2,"é""\r\n"\r\n3,z')
    const items = [
      { a: '1', b: 'x\ny' },
      { a: '2', b: 'é"\r\n' },
      { a: '3', b: 'z' },
    ]
    return { source: new CSVSource(folder.file('in'), { batchSize: 1 }), items }
  }),
)

describe('CSVSource', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const rows = async (content: string, options = {}) => {
    await writeFile(folder.file('in'), content)
    const source = new CSVSource(folder.file('in'), options)
    return drain(await source.buildPart('in', folder.file('in'), null))
  }

  it('gives every value as a string, by the names of the header', async () => {
    const body = Array.from({ length: 8 }, (_, index) => `${index},v${index}\n`).join('')
    const given = await rows(`id,value\n${body}`)
    expect(given).to.have.length(8)
    expect(given[7]).to.deep.equal({ id: '7', value: 'v7' })
  })

  it('reads other formats', async () => {
    const given = await rows('# top\n1; x \n', {
      delimiter: ';',
      comment: '#',
      trim: true,
      columns: ['a', 'b'],
    })
    expect(given).to.deep.equal([{ a: '1', b: 'x' }])
  })

  it('reads more than a chunk, rows of many lines included', async () => {
    const values = Array.from({ length: 30_000 }, (_, index) => `é\n${index}`)
    const given = await rows(`v\n${values.map((value) => `"${value}"\n`).join('')}`)
    expect(given.map((row) => row['v'])).to.deep.equal(values)
  })

  it('refuses a row that does not fit, a broken quote and a dangerous header', async () => {
    expect(await messageOf(() => rows('a,b\n1\n'))).to.contain('1 fields, its header 2')
    expect(await rows('a,b\n1\n', { relaxColumnCount: true })).to.deep.equal([{ a: '1', b: '' }])
    expect(await messageOf(() => rows('a\n"x" y\n'))).to.contain('not the CSV')
    expect(await messageOf(() => rows('a,__proto__\n1,2\n'))).to.contain('__proto__')
  })

  it('tells of a quote that the file never closes, wherever the rows before it end', async () => {
    for (const tail of ['"', '"x', 'x,"', '1,"2']) {
      const said = await messageOf(() => rows(`a,b\n1,2\n${tail}`))
      expect(said, tail).to.contain('Quote Not Closed')
    }
  })

  it('gives nothing for an empty file', async () => {
    expect(await rows('')).to.deep.equal([])
    expect(await rows('a,b\n')).to.deep.equal([])
  })
})
