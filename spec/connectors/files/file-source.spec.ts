import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { dataflow, run } from 'tidemark'
import { FileSource } from '../../../connectors/files/index.ts'
import { describeSource, TestingSink } from '../../../testing/index.ts'
import { drain, Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()

const read = async (path: string, options = {}) => drain(await open(new FileSource(path, options)))

const open = async (source: FileSource, resume: number | null = null) => {
  const [part = ''] = await source.listParts()
  return source.buildPart('in', part, resume)
}

describeSource('FileSource', () =>
  folder.world(async () => {
    await writeFile(folder.file('in'), 'one\n\ntwo\nthrée\n\nfour')
    const items = ['one', '', 'two', 'thrée', '', 'four']
    return { source: new FileSource(folder.file('in'), { batchSize: 2 }), items }
  }),
)

describe('FileSource', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  it('gives lines without their newline, blank ones too', async () => {
    const lines = ['one', '', 'two', '', '', 'three', 'four', '', 'five']
    await writeFile(folder.file('in'), `${lines.join('\n')}\n`)
    const flow = dataflow('lines')
    const sink = new TestingSink<string>()
    flow.input('in', new FileSource(folder.file('in'))).output('out', sink)
    await run(flow)
    expect(sink.items).to.deep.equal(lines)
  })

  it('resumes behind the last line handed over', async () => {
    await writeFile(folder.file('in'), 'one1\none2\none3\none4\none5\none6\n')
    const source = new FileSource(folder.file('in'), { batchSize: 1 })
    const part = await open(source)
    expect(await part.nextBatch()).to.deep.equal(['one1'])
    expect(await part.nextBatch()).to.deep.equal(['one2'])
    const position = part.snapshot()
    await part.nextBatch()
    await part.close()
    const resumed = await open(source, position as number)
    expect(resumed.snapshot()).to.equal(position)
    expect(await drain(resumed)).to.deep.equal(['one3', 'one4', 'one5', 'one6'])
  })

  it('gives the same lines as splitting the text, from any of its positions', async () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 40 }).map((s) => s.replaceAll('\n', ''))
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1 }), fc.nat(50), async (lines, stop) => {
        await writeFile(folder.file('in'), lines.map((each) => `${each}\n`).join(''))
        const source = new FileSource(folder.file('in'), { batchSize: 1 })
        const part = await open(source)
        const start = Math.min(stop, lines.length)
        for (let index = 0; index < start; index += 1) await part.nextBatch()
        const position = part.snapshot() as number
        await part.close()
        expect(await drain(await open(source, position))).to.deep.equal(lines.slice(start))
      }),
      { numRuns: 40 },
    )
  })

  it('keeps characters and lines whole that lie across chunks', async () => {
    const lines = Array.from(
      { length: 60_000 },
      (_, index) => `${index}€ä🌊${'x'.repeat(index % 7)}`,
    )
    await writeFile(folder.file('in'), lines.join('\n'))
    expect(await read(folder.file('in'))).to.deep.equal(lines)
  })

  it('keeps a carriage return', async () => {
    await writeFile(folder.file('in'), 'a\r\nb\r\n')
    expect(await read(folder.file('in'))).to.deep.equal(['a\r', 'b\r'])
  })

  it('refuses a line beyond its limit', async () => {
    await writeFile(folder.file('in'), `ok\n${'x'.repeat(1_000_000)}`)
    expect(await messageOf(() => read(folder.file('in'), { maxLineBytes: 1000 }))).to.contain(
      'maxLineBytes',
    )
  })

  it('names a missing file, and a directory', async () => {
    const missing = await messageOf(() => new FileSource(folder.file('none')).listParts())
    expect(missing).to.contain(`input file \`${folder.file('none')}\` does not exist`)
    expect(await messageOf(() => new FileSource(folder.path).listParts())).to.contain('directory')
  })

  it('refuses a file that is shorter than its position', async () => {
    await writeFile(folder.file('in'), 'one\n')
    expect(await messageOf(() => open(new FileSource(folder.file('in')), 5))).to.contain(
      'cut or replaced',
    )
  })
})
