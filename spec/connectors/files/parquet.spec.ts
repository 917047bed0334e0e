import { readdir, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { BuildError, dataflow, run } from 'tidemark'
import { ParquetSink, ParquetSource } from 'tidemark/connectors/files'
import { describeSource, describeTransactionalSink, TestingSource } from 'tidemark/testing'
import { drain, Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()
const silent = { info: () => {}, warn: () => {}, error: () => {} }

const COLUMNS = { n: 'INT32', text: 'STRING' } as const
const ROWS = Array.from({ length: 5 }, (_, n) => ({ n, text: n === 3 ? null : `row ${n}` }))

const published = async (): Promise<string[]> =>
  (await readdir(folder.file('out'))).filter((name) => name.endsWith('.parquet')).sort()

const rowsOf = async (name: string): Promise<unknown[]> => {
  const path = folder.file(name)
  return drain(await new ParquetSource(path).buildPart('flow.in', path, null))
}

const write = (rows: readonly Record<string, unknown>[], sink: ParquetSink): Promise<unknown> => {
  const flow = dataflow('rows')
  flow.input('in', new TestingSource(rows)).output('out', sink)
  return run(flow, { logger: silent })
}

describeTransactionalSink('ParquetSink', () =>
  folder.world(() => ({
    sink: () => new ParquetSink(folder.file('out'), { columns: COLUMNS }),
    items: ROWS,
    written: async () => {
      const files = await Promise.all((await published()).map((name) => rowsOf(`out/${name}`)))
      return files.flat() as typeof ROWS
    },
  })),
)

describeSource('ParquetSource', () =>
  folder.world(async () => {
    await write(ROWS, new ParquetSink(folder.file('out'), { columns: COLUMNS, rowGroupSize: 2 }))
    const path = folder.file(`out/${(await published())[0]}`)
    return { source: new ParquetSource(path, { batchSize: 1 }), items: ROWS }
  }),
)

describe('Parquet files', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  it('give back every kind of value, and the columns that are asked for', async () => {
    const row = {
      yes: true,
      whole: -7,
      big: 9_007_199_254_740_993n,
      share: 0.1,
      text: 'Ähre',
      more: { a: [1] },
      made: new Date('2026-01-02T03:04:05.678Z'),
      raw: new Uint8Array([0, 255]),
      id: '0b9e3a52-4d7e-4c59-9f5f-1c5b6a7d8e9f',
    }
    const columns = {
      yes: 'BOOLEAN',
      whole: 'INT32',
      big: 'INT64',
      share: 'DOUBLE',
      text: 'STRING',
      more: 'JSON',
      made: 'TIMESTAMP',
      raw: 'BYTE_ARRAY',
      id: 'UUID',
    } as const
    await write([row, {}], new ParquetSink(folder.file('out'), { columns }))
    const path = folder.file(`out/${(await published())[0]}`)
    const part = await new ParquetSource(path, {
      columns: ['big', 'made', 'more', 'id'],
    }).buildPart('flow.in', path, null)
    const { big, made, more, id } = row
    const empty = { big: null, made: null, more: null, id: null }
    const [first, second] = (await drain(part)).map((each) => ({ ...each }))
    expect(first).to.deep.equal({ big, made, more, id })
    expect(
      Object.values(second ?? {}).filter((value) => value !== null && value !== undefined),
    ).to.deep.equal([])
    expect(Object.keys(second ?? {})).to.have.members(Object.keys(empty))
  })

  it('refuse what does not fit, and say what is wrong with a file', async () => {
    const sink = () => new ParquetSink(folder.file('out'), { columns: COLUMNS })
    expect(await messageOf(() => write([{ n: 'one' }], sink()))).to.include('Column "n" is INT32')
    expect(await messageOf(() => write([{ n: 2 ** 40 }], sink()))).to.include('Column "n" is INT32')
    expect(await published()).to.deep.equal([])
    expect(() => new ParquetSink('out', { columns: {} })).to.throw(BuildError)
    await writeFile(folder.file('none'), 'no such file at all')
    expect(await messageOf(() => rowsOf('none'))).to.include("can't be read as Parquet")
    expect(await messageOf(() => rowsOf('away'))).to.include('does not exist')
  })
})
