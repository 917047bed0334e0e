import { expect } from 'chai'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { type Child, installed } from '../cli/children.ts'
import { alive, descendants } from '../support/descendants.ts'
import { Folder } from '../support/folder.ts'
import { describeWithNats } from './with-nats.ts'

const LOOK = 50

describeWithNats('tidemark run -p, killed outright', () => {
  const folder = new Folder()
  let parent: Child | null = null

  beforeEach(() => folder.make())
  afterEach(async () => {
    parent?.discard()
    await folder.remove()
  })

  it('leaves none of its processes behind, nor the server that it started @long', async () => {
    const flow = `spec/cluster/flows/counting.ts:counting('${folder.file('out')}', 100000, 50)`
    parent = installed(['run', flow, '-p', '2', '-r', folder.file('store'), '--no-api'])
    await parent.says('process 1 takes part')
    const all = descendants(parent.pid)
    // Two processes, the server, and what watches it.
    expect(all.length).to.be.at.least(4)
    parent.signal('SIGKILL')
    while (alive(all).length > 0) {
      await new Promise<void>((resolve) => {
        systemRuntime.after(LOOK, resolve)
      })
    }
    expect(alive(all)).to.deep.equal([])
  })
})
