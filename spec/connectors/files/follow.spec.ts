import { appendFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import type { FollowPosition } from '../../../connectors/files/follow-partition.ts'
import { FileSource } from '../../../connectors/files/index.ts'
import { systemRuntime } from '../../../lib/runtime/system.ts'
import { TimeTestingGetter } from '../../../testing/index.ts'
import { Folder, messageOf } from '../../support/folder.ts'

const folder = new Folder()

describe('FileSource that follows', () => {
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const follow = async (resume: FollowPosition | null = null) => {
    const time = new TimeTestingGetter(0)
    const source = new FileSource(folder.file('log'), { follow: true, followEvery: 100 })
    source.useRun({ runtime: { ...systemRuntime, now: time.now }, recovery: false })
    const [part = ''] = await source.listParts()
    return source.buildPart('in', part, resume)
  }

  it('waits for a line to be whole, and never ends', async () => {
    await writeFile(folder.file('log'), 'one\ntw')
    const part = await follow()
    expect(await part.nextBatch()).to.deep.equal(['one'])
    expect(await part.nextBatch()).to.deep.equal([])
    expect(part.nextAwake()).to.equal(100)
    await appendFile(folder.file('log'), 'o\n')
    expect(await part.nextBatch()).to.deep.equal(['two'])
    await part.close()
  })

  it('finishes a rotated file, then reads its successor', async () => {
    await writeFile(folder.file('log'), 'one\n')
    const part = await follow()
    await part.nextBatch()
    await appendFile(folder.file('log'), 'two\nlast')
    await rename(folder.file('log'), folder.file('log.1'))
    await writeFile(folder.file('log'), 'new\n')
    const seen: string[] = []
    for (let turn = 0; turn < 6; turn += 1) seen.push(...((await part.nextBatch()) as string[]))
    await part.close()
    expect(seen).to.deep.equal(['two', 'last', 'new'])
  })

  it('finishes a file that was rotated while it was away', async () => {
    await writeFile(folder.file('log'), 'one\ntwo\n')
    const part = await follow()
    await part.nextBatch()
    const { file: name } = part.snapshot() as { file: string; offset: number }
    await part.close()
    await rename(folder.file('log'), folder.file('log.1'))
    await writeFile(folder.file('log'), 'new\n')
    const resumed = await follow({ file: name, offset: 4 })
    expect(await resumed.nextBatch()).to.deep.equal(['two'])
    await resumed.nextBatch()
    expect(await resumed.nextBatch()).to.deep.equal(['new'])
    await resumed.close()
    await rm(folder.file('log.1'))
    expect(await messageOf(() => follow({ file: name, offset: 4 }))).to.contain('rotated away')
  })

  it('reads a truncated file anew', async () => {
    await writeFile(folder.file('log'), 'one\ntwo\n')
    const part = await follow()
    await part.nextBatch()
    await truncate(folder.file('log'), 0)
    await appendFile(folder.file('log'), 'new\n')
    await part.nextBatch()
    expect(await part.nextBatch()).to.deep.equal(['new'])
    await part.close()
  })

  it('reads anew a file that was emptied and has grown past what was read', async () => {
    const path = folder.file('log')
    const grown = Array.from({ length: 99 }, (_, at) => `later ${at}`)
    for (const before of ['one\ntwo\n', `one ${'x'.repeat(300)}\n`]) {
      await writeFile(path, before)
      const part = await follow()
      await part.nextBatch()
      const position = part.snapshot() as FollowPosition
      await truncate(path, 0)
      await appendFile(path, `${grown.join('\n')}\n`)
      expect(await part.nextBatch()).to.deep.equal([])
      expect(await part.nextBatch()).to.deep.equal(grown)
      expect(part.snapshot()).to.include({ offset: grown.join('\n').length + 1 })
      await part.close()
      expect(await messageOf(() => follow(position))).to.contain('begins otherwise')
    }
  })

  it('goes on in a file that has only grown while it was away, though it was short', async () => {
    await writeFile(folder.file('log'), 'a\nb')
    const part = await follow()
    expect(await part.nextBatch()).to.deep.equal(['a'])
    const position = part.snapshot() as FollowPosition
    await part.close()
    await appendFile(folder.file('log'), `${'x'.repeat(300)}\nc\n`)
    const resumed = await follow(JSON.parse(JSON.stringify(position)))
    expect(await resumed.nextBatch()).to.deep.equal([`b${'x'.repeat(300)}`, 'c'])
    await appendFile(folder.file('log'), 'd\n')
    expect(await resumed.nextBatch()).to.deep.equal(['d'])
    await resumed.close()
  })
})
