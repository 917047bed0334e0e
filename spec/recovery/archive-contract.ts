import { expect } from 'chai'
import { CorruptPartitionError } from '../../lib/errors/errors.ts'
import type { Archive } from '../../lib/recovery/archive.ts'
import { failure } from '../support/failure.ts'

/** What recovery relies on in every archive. */
export const describeArchive = (name: string, open: () => Promise<Archive>): void => {
  describe(name, () => {
    let archive: Archive

    beforeEach(async () => {
      archive = await open()
    })

    afterEach(() => archive.close())

    it('gives back what it was given, and nothing of what it was not', async () => {
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 256))

      expect(await archive.create('stores/a1/of-2/part-0/000000000001', bytes)).to.equal(true)

      const found = await archive.read('stores/a1/of-2/part-0/000000000001', 1_000_000)
      expect(Buffer.compare(found ?? Buffer.alloc(0), bytes)).to.equal(0)
      expect(await archive.read('stores/a1/of-2/part-0/000000000002', 1_000_000)).to.equal(null)
    })

    it('makes an object of a name once, whoever asks', async () => {
      const other = await open()
      const made = await Promise.all(
        [archive, other, archive, other].map((each, at) =>
          each.create('stores/a/once', Buffer.from(`writer ${at}`)),
        ),
      )
      await other.close()

      expect(made.filter(Boolean)).to.have.length(1)
      const winner = made.indexOf(true)
      const found = await archive.read('stores/a/once', 100)
      expect(Buffer.from(found ?? []).toString()).to.equal(`writer ${winner}`)
      expect(await archive.create('stores/a/once', Buffer.from('late'))).to.equal(false)
    })

    it('lists what begins with a prefix, sorted, and no more once it is removed', async () => {
      for (const name of ['s/b/2', 's/b/1', 's/c/1', 't/1'])
        await archive.create(name, Buffer.from(name))

      expect(await archive.list('s/b/')).to.deep.equal(['s/b/1', 's/b/2'])
      expect(await archive.list('nothing/')).to.deep.equal([])
      await archive.remove('s/b/1')
      await archive.remove('s/b/1')
      expect(await archive.list('s/')).to.deep.equal(['s/b/2', 's/c/1'])
      expect(await archive.read('s/b/1', 100)).to.equal(null)
    })

    it('refuses an object that is longer than can be, and names that are paths', async () => {
      await archive.create('long', Buffer.alloc(5000))

      const error = await failure(archive.read('long', 4999))

      expect(error).to.be.instanceOf(CorruptPartitionError)
      for (const name of ['../out', '/root', 'a//b', 'a b', '', 'a/../b', 'a'.repeat(300)]) {
        expect(String(await failure(archive.create(name, Buffer.alloc(1))))).to.contain('no name')
      }
    })
  })
}
