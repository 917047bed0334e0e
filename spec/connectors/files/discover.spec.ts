import { appendFile, rename, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { dataflow, start } from 'tidemark'
import { DirSource, type DirSourceOptions } from 'tidemark/connectors/files'
import { TestingSink } from 'tidemark/testing'
import { Folder } from '../../support/folder.ts'

describe('a directory that is read as it changes', () => {
  const folder = new Folder()
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const reading = async (options: DirSourceOptions) => {
    const sink = new TestingSink<string>()
    const flow = dataflow('dir')
    const source = new DirSource(folder.path, { glob: '*.log', ...options })
    flow.input('in', source).output('out', sink)
    const running = await start(flow, { epochInterval: 10 })
    const until = async (count: number): Promise<void> => {
      for (const end = Date.now() + 20_000; sink.items.length < count && Date.now() < end; ) {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    return { sink, running, until }
  }

  it('gives files that come later', async () => {
    const { sink, running, until } = await reading({ discoverEvery: 20 })
    for (const name of ['a', 'b']) {
      await writeFile(folder.file(`${name}.tmp`), `${name}1\n${name}2\n`)
      await rename(folder.file(`${name}.tmp`), folder.file(`${name}.log`))
      await until(name === 'a' ? 2 : 4)
    }
    await running.stop()
    expect(sink.items).to.deep.equal(['a1', 'a2', 'b1', 'b2'])
  })

  it('goes on with files that grow', async () => {
    await writeFile(folder.file('a.log'), 'one\n')
    const { sink, running, until } = await reading({ follow: true, followEvery: 10 })
    await until(1)
    await appendFile(folder.file('a.log'), 'two\n')
    await until(2)
    await running.stop()
    expect(sink.items).to.deep.equal(['one', 'two'])
  })
})
