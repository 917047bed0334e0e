import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { BuildError, run } from 'tidemark'
import { Folder } from '../../support/folder.ts'

const sums = pathToFileURL(join(import.meta.dirname, 'flows/sums.ts')).href

describe('workers in threads', () => {
  const folder = new Folder()
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  it('give what workers in one thread give, in any number', async () => {
    const outputs: string[][] = []
    for (const workers of [1, 2, 3]) {
      const name = `out-${workers}`
      const flow = { module: sums, export: 'sums', args: [folder.file(name)] }
      const summary = await run(flow, { workers })
      expect(summary).to.include({ reason: 'eof', itemsIn: 10_000, itemsOut: 10_000 })
      outputs.push((await folder.text(name)).trim().split('\n').sort())
    }
    expect(outputs[0]).to.have.length(10_000)
    expect(outputs[1]).to.deep.equal(outputs[0])
    expect(outputs[2]).to.deep.equal(outputs[0])
  })

  it('name the exports there are when the one asked for is missing', async () => {
    const failure = await run({ module: sums, export: 'flow' }, { workers: 2 }).catch(
      (error) => error,
    )
    expect(failure).to.be.instanceOf(BuildError)
    expect(failure.message).to.include('it exports sums')
  })
})
