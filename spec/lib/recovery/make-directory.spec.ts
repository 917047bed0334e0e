import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeDirectory } from '../../../lib/recovery/make-directory.ts'
import { failure } from '../../support/failure.ts'
import { Folder } from '../../support/folder.ts'

describe('making a directory', () => {
  const folder = new Folder()

  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  it('makes those above it, and leaves what is there', async () => {
    const path = folder.file('a/b/c')
    await Promise.all([makeDirectory(path), makeDirectory(path)])
    await makeDirectory(path)
    expect(statSync(path).isDirectory()).to.equal(true)
  })

  it('fails where a file is in the way', async () => {
    const path = folder.file('file')
    writeFileSync(path, '')
    expect(await failure(makeDirectory(path))).to.have.property('code', 'EEXIST')
    expect(await failure(makeDirectory(join(path, 'a')))).to.have.property('code', 'ENOTDIR')
  })

  it('fails where a file system takes none, instead of trying for ever', async function () {
    if (!existsSync('/proc/self')) this.skip()
    expect(await failure(makeDirectory('/proc/tidemark/state'))).to.have.property('code', 'ENOENT')
  })
})
