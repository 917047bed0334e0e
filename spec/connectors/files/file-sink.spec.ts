import { readdir, rm, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import { keyOn } from 'tidemark/operators'
import { FileSink } from '../../../connectors/files/index.ts'
import { systemRuntime } from '../../../lib/runtime/system.ts'
import { describeSink, TestingSource } from '../../../testing/index.ts'
import { Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()

const recovering = { runtime: systemRuntime, recovery: true }

describeSink('FileSink', () =>
  folder.world(() => {
    const written = async () => (await folder.text('out')).split('\n').slice(0, -1)
    return { sink: new FileSink(folder.file('out')), items: ['é', 'two', 'three'], written }
  }),
)

describe('FileSink', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  it('writes the values of a keyed stream, one a line', async () => {
    const flow = dataflow('file')
    flow
      .input('in', new TestingSource(['1', '2', '3']))
      .pipe(keyOn('key', (value) => value))
      .output('out', new FileSink(folder.file('out')))
    await run(flow)
    expect(await folder.text('out')).to.equal('1\n2\n3\n')
  })

  it('cuts off what follows its position', async () => {
    const sink = new FileSink(folder.file('out'))
    sink.useRun(recovering)
    const part = await sink.buildPart('out', folder.file('out'), null)
    await part.writeBatch(['one1', 'one2', 'one3'])
    const position = part.snapshot()
    await part.writeBatch(['one4'])
    await part.close()
    const resumed = await sink.buildPart('out', folder.file('out'), position)
    expect(resumed.snapshot()).to.equal(position)
    await resumed.writeBatch(['two4', 'two5'])
    await resumed.close()
    expect(await folder.text('out')).to.equal('one1\none2\none3\ntwo4\ntwo5\n')
  })

  it('without recovery replaces the file only when the run has ended well', async () => {
    await writeFile(folder.file('out'), 'old\n')
    const sink = new FileSink(folder.file('out'))
    const failed = await sink.buildPart('out', folder.file('out'), null)
    await failed.writeBatch(['half'])
    expect(await folder.text('out')).to.equal('old\n')
    await failed.abandon()
    expect(await folder.text('out')).to.equal('old\n')
    expect(await folder.text('out.partial')).to.equal('half\n')
    const whole = await sink.buildPart('out', folder.file('out'), null)
    await whole.writeBatch(['new'])
    await whole.close()
    expect(await folder.text('out')).to.equal('new\n')
    expect(await readdir(folder.path)).to.deep.equal(['out'])
  })

  it('with recovery refuses a file that it knows no position in', async () => {
    await writeFile(folder.file('out'), 'old\n')
    const refuse = async (options = {}) => {
      const sink = new FileSink(folder.file('out'), options)
      sink.useRun(recovering)
      await (await sink.buildPart('out', folder.file('out'), null)).close()
    }
    expect(await messageOf(refuse)).to.contain('overwrite: true')
    expect(await folder.text('out')).to.equal('old\n')
    await refuse({ overwrite: true })
    expect(await folder.text('out')).to.equal('')
    await refuse()
  })

  it('never pads a file that is shorter than its position', async () => {
    await writeFile(folder.file('out'), 'one\n')
    const sink = new FileSink(folder.file('out'))
    expect(await messageOf(() => sink.buildPart('out', folder.file('out'), 9))).to.contain(
      '4 bytes',
    )
    expect(await messageOf(() => sink.buildPart('out', folder.file('out'), 9))).to.contain('9')
    await rm(folder.file('out'))
    await messageOf(() => new FileSink(folder.file('out')).buildPart('out', folder.file('out'), 9))
    expect(await readdir(folder.path)).to.deep.equal([])
  })

  it('refuses what is no string', async () => {
    const part = await new FileSink(folder.file('out')).buildPart('out', folder.file('out'), null)
    const values: unknown[] = [1]
    expect(await messageOf(() => part.writeBatch(values as string[]))).to.contain('number')
    await part.abandon()
  })

  it('tells that a path can not be written', async () => {
    const sink = new FileSink(folder.file('none/out'))
    expect(await messageOf(() => sink.buildPart('out', folder.file('none/out'), null))).to.contain(
      "can't be written",
    )
  })
})
