import { join } from 'node:path'
import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import { keyOn } from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'
import { DirSink } from '../../../connectors/files/index.ts'
import { Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()

describe('DirSink', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  it('writes each value to the file that its key is assigned', async () => {
    const flow = dataflow('dir')
    flow
      .input('in', new TestingSource(['0', '1', '2']))
      .pipe(keyOn('key', (value) => value))
      .output('out', new DirSink(folder.file('out'), { fileCount: 3, assignFile: Number }))
    await run(flow)
    for (const value of ['0', '1', '2']) {
      expect(await folder.text(`out/part_${value}`)).to.equal(`${value}\n`)
    }
  })

  it('finds the file of an index by its place, not by its name', async () => {
    const sink = new DirSink(folder.file('out'), { fileCount: 12, assignFile: Number })
    const parts = sink.listParts()
    expect(parts[10]).to.equal(join(folder.file('out'), 'part_10'))
    for (const key of ['0', '2', '11']) {
      const part = await sink.buildPart('out', parts[sink.partFor(key) % 12] ?? '', null)
      await part.writeBatch([key])
      await part.close()
      expect(await folder.text(`out/part_${key}`)).to.equal(`${key}\n`)
    }
  })

  it('refuses names that are not distinct, and indexes that are none', async () => {
    expect(() => new DirSink(folder.path, { fileCount: 2, fileName: () => 'same' })).to.throw(
      'name of its own',
    )
    const sink = new DirSink(folder.path, { fileCount: 2, assignFile: Number })
    expect(await messageOf(() => sink.partFor('x'))).to.contain('NaN')
  })
})
