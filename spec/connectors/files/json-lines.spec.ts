import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import {
  JsonLinesSink,
  JsonLinesSource,
  jsonLinesInput,
  type MalformedLine,
} from 'tidemark/connectors/files'
import { keyOn } from 'tidemark/operators'
import { describeSink, describeSource, TestingSink, TestingSource } from 'tidemark/testing'
import { drain, Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()

describeSource('JsonLinesSource', () =>
  folder.world(async () => {
    await writeFile(folder.file('in'), '{"a":1}\n\n[2,"ö"]\nnull\n"last"')
    const source = new JsonLinesSource(folder.file('in'), { batchSize: 1 })
    return { source, items: [{ a: 1 }, [2, 'ö'], null, 'last'] }
  }),
)

describeSink('JsonLinesSink', () =>
  folder.world(() => {
    const sink = new JsonLinesSink(folder.file('out'))
    sink.useRun({ recovery: true } as Parameters<typeof sink.useRun>[0])
    const written = async () =>
      (await folder.text('out'))
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown)
    return { sink, items: [{ a: 1 }, 'two\nlines', [3]], written }
  }),
)

describe('JSON lines', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const HOSTILE = Buffer.concat([
    Buffer.from('{"a":1}\n{"b":\n'),
    Buffer.from([0xff, 0xfe, 10]),
    Buffer.from('{"\\u005f_proto__":{"x":1},"c":3}\n'),
  ])

  it('give what is no JSON as a stream, with its bytes and its place', async () => {
    await writeFile(folder.file('in'), HOSTILE)
    const good = new TestingSink<unknown>()
    const bad = new TestingSink<MalformedLine>()
    const flow = dataflow('lines')
    const { oks, errs } = jsonLinesInput('in', flow, { path: folder.file('in') })
    oks.output('good', good)
    errs.output('bad', bad)
    await run(flow)
    expect(good.items).to.deep.equal([{ a: 1 }, { c: 3 }])
    expect(bad.items.map(({ offset, bytes }) => [offset, [...bytes]])).to.deep.equal([
      [8, [...Buffer.from('{"b":')]],
      [14, [0xff, 0xfe]],
    ])
    expect(bad.items[0]).to.include({ path: folder.file('in') })
  })

  it('fail otherwise, and name the byte', async () => {
    await writeFile(folder.file('in'), HOSTILE)
    const part = await new JsonLinesSource(folder.file('in')).buildPart(
      'flow.in',
      folder.file('in'),
      8,
    )
    expect(await messageOf(() => drain(part))).to.include('at byte 8 is not JSON')
  })

  it('are written by a flow, and refused for what has no JSON', async () => {
    const write = (items: readonly unknown[]) => {
      const flow = dataflow('lines')
      flow
        .input('in', new TestingSource(items))
        .pipe(keyOn('key', () => 'all'))
        .output('out', new JsonLinesSink(folder.file('out')))
      return run(flow, { logger: { info: () => {}, warn: () => {}, error: () => {} } })
    }
    await write([{ a: 'b\nc' }, 7])
    expect(await folder.text('out')).to.equal('{"a":"b\\nc"}\n7\n')
    expect(await messageOf(() => write([undefined]))).to.include('no JSON for a undefined')
  })
})
