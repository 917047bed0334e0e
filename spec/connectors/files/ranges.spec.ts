import { appendFile, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { dataflow, run } from 'tidemark'
import { FileSource } from 'tidemark/connectors/files'
import { describeSource, TestingSink } from 'tidemark/testing'
import { drain, Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()

describeSource('FileSource in ranges', () =>
  folder.world(async () => {
    await writeFile(folder.file('in'), 'one\ntwo\nthree\nfour\n')
    const source = new FileSource(folder.file('in'), { ranges: 2, batchSize: 1 })
    return { source, items: ['one', 'two', 'three'] }
  }),
)

describe('a file in ranges', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const readAll = async (ranges: number): Promise<string[]> => {
    const source = new FileSource(folder.file('in'), { ranges })
    const lines: string[] = []
    for (const part of await source.listParts()) {
      lines.push(...(await drain(await source.buildPart('flow.in', part, null))))
    }
    return lines
  }

  it('gives each line once, in order, wherever it is cut', async () => {
    const texts = fc.array(fc.constantFrom('a', 'ö', '\n', '\n\n', 'long line', '\r'))
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (parts, ranges) => {
        const text = parts.join('')
        await writeFile(folder.file('in'), text)
        const lines = text.split('\n')
        if (lines.at(-1) === '') lines.pop()
        expect(await readAll(ranges)).to.deep.equal(lines)
      }),
      { numRuns: 60 },
    )
  })

  it('is read by several workers', async () => {
    const lines = Array.from({ length: 5000 }, (_, at) => `line ${at}`)
    await writeFile(folder.file('in'), lines.join('\n'))
    const sink = new TestingSink<string>()
    const flow = dataflow('ranges')
    flow.input('in', new FileSource(folder.file('in'), { ranges: 4 })).output('out', sink)
    await run(flow, { workers: 2 })
    expect([...sink.items].sort()).to.deep.equal([...lines].sort())
  })

  it('refuses a file that changed since it was cut', async () => {
    await writeFile(folder.file('in'), 'one\ntwo\n')
    const source = new FileSource(folder.file('in'), { ranges: 2, batchSize: 1 })
    const [part = ''] = await source.listParts()
    const first = await source.buildPart('flow.in', part, null)
    const position = first.snapshot()
    await appendFile(folder.file('in'), 'three\n')
    expect(await messageOf(() => drain(first))).to.include('must not change')
    const resumed = await messageOf(() => source.buildPart('flow.in', part, position))
    expect(resumed).to.include('must not change')
    const other = await messageOf(() => source.buildPart('flow.in', part, 4))
    expect(other).to.include('other options')
  })
})
