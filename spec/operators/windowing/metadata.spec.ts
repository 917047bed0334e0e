import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { run } from 'tidemark'
import { Folder } from '../../support/folder.ts'

const sessions = pathToFileURL(join(import.meta.dirname, 'flows/sessions.ts')).href

describe('The metadata of a window', () => {
  const folder = new Folder()
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  it('has its times and merged ids in another thread, and in a state that was resumed', async () => {
    const flow = { module: sessions, export: 'sessions', args: [folder.file('out')] }
    const recovery = { dir: folder.file('store') }
    const lines = async (): Promise<string[]> =>
      (await folder.text('out')).trim().split('\n').sort()
    await run(flow, { workers: 2, recovery })
    const first = '1970-01-01T01:00:00.000Z 20 true'
    const users = [...'abcdefgh']
    expect(await lines()).to.deep.equal(users.map((user) => `${user}: -, ${first}`))
    await run(flow, { workers: 3, recovery })
    const second = '1970-01-01T02:00:00.000Z 20 true'
    expect(await lines()).to.deep.equal(
      users.flatMap((user) => [`${user}: -, ${first}`, `${user}: ${first}, ${second}`]),
    )
  })
})
