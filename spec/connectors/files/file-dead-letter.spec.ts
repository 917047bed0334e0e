import { appendFile, stat } from 'node:fs/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { BuildError, type DeadLetter } from 'tidemark'
import { FileDeadLetter } from 'tidemark/connectors/files'
import {
  itemOf,
  letterLine,
  markRetried,
  readLetters,
} from '../../../connectors/files/dead-letter-file.ts'
import { Folder, messageOf } from '../../support/folder.ts'

const letter = (item: unknown, facts: Partial<DeadLetter> = {}): DeadLetter => ({
  stepId: 'flow.step',
  callback: 'mapper',
  item,
  worker: 0,
  epoch: 7,
  time: 1_700_000_000_000,
  error: new RangeError('no'),
  ...facts,
})

describe('a file of dead letters', () => {
  const folder = new Folder()
  let path = ''
  beforeEach(async () => {
    await folder.make()
    path = folder.file('failed.jsonl')
  })
  afterEach(() => folder.remove())

  const write = async (letters: DeadLetter[], options = {}): Promise<void> => {
    const partition = new FileDeadLetter(path, options).build()
    await partition.writeBatch(letters)
    await partition.close()
  }

  it('gives back every item as it was, whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.anything({
            withBigInt: true,
            withDate: true,
            withMap: true,
            withSet: true,
            withTypedArray: true,
          }),
          { minLength: 1, maxLength: 5 },
        ),
        async (items) => {
          await write(items.map((item) => letter(item)))
          const { letters } = await readLetters(path, { items: true })
          const latest = letters.slice(letters.length - items.length)
          for (const [at, kept] of latest.entries()) {
            if (kept.item !== undefined) expect(itemOf(kept)).to.deep.equal(items[at])
            else expect(kept.lost).to.be.a('string')
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('keeps all facts, and of the item a picture without secrets', async () => {
    await write([
      letter({ user: 'ada', password: 'x' }, { key: 'k', source: 'in', part: 'p0', input: 1 }),
    ])
    const { letters } = await readLetters(path)
    expect(letters[0]).to.deep.include({
      time: '2023-11-14T22:13:20.000Z',
      step: 'flow.step',
      callback: 'mapper',
      key: 'k',
      source: 'in',
      part: 'p0',
      input: 1,
      worker: 0,
      epoch: 7,
      preview: '{ user: "ada", password: [redacted] }',
      retried: false,
    })
    expect(letters[0]?.error).to.include({ name: 'RangeError', message: 'no' })
  })

  it('keeps only the picture of what is too long or can not be kept', async () => {
    await write([letter('x'.repeat(1000)), letter(() => 1), letter('short')], {
      maxItemBytes: 100,
    })
    const { letters } = await readLetters(path, { items: true })
    expect(letters.map(({ lost }) => lost?.replace(/:.*/, ''))).to.have.length(3)
    expect(letters[0]?.lost).to.match(/takes \d+ bytes, and 100 are kept/)
    expect(letters[1]?.lost).to.match(/function/)
    expect(letters[2]?.lost).to.equal(undefined)
  })

  it('tells letters that were tried again from those that wait', async () => {
    await write([letter(1), letter(2)])
    const [first] = (await readLetters(path)).letters
    await markRetried(path, [first?.id ?? ''])
    expect((await readLetters(path)).letters.map(({ retried }) => retried)).to.deep.equal([
      true,
      false,
    ])
  })

  it('begins a line of its own behind one that a crash cut short', async () => {
    await write([letter(1)])
    await appendFile(path, letterLine(letter(2), 100).slice(0, 30))
    await write([letter(3)])
    const { letters, damaged } = await readLetters(path, { items: true })
    expect(letters.map(itemOf)).to.deep.equal([1, 3])
    expect(damaged).to.deep.equal([2])
  })

  it('passes over whatever else is in the file, and takes nothing of it', async () => {
    const hostile = [
      '{"__proto__": {"polluted": 1}}',
      '[]',
      'null',
      '{"id": 1}',
      '{"retried": "all"}',
      '{"id":"a","time":"t","step":"s","callback":"c","worker":0,"epoch":1,"preview":"p","error":null}',
      '\u0000\u0001',
    ]
    await appendFile(path, `${hostile.join('\n')}\n`)
    const { letters, damaged } = await readLetters(path)
    expect(letters).to.deep.equal([])
    expect(damaged).to.deep.equal([1, 2, 3, 4, 5, 6, 7])
    expect(({} as { polluted?: number }).polluted).to.equal(undefined)
  })

  it('is shared by writers without a torn line', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => write([letter('x'.repeat(20_000 + at)), letter(at)])),
    )
    const { letters, damaged } = await readLetters(path)
    expect(letters).to.have.length(40)
    expect(damaged).to.deep.equal([])
  })

  it('is for its owner alone', async () => {
    await write([letter(1)])
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
  })

  it('says which file it can not write, and refuses what makes no sense', async () => {
    path = folder.file('no/such/place.jsonl')
    expect(await messageOf(() => write([letter(1)]))).to.match(/place\.jsonl" can't be written/)
    expect(() => new FileDeadLetter('')).to.throw(BuildError, /path/)
    expect(() => new FileDeadLetter('x', { maxItemBytes: -1 })).to.throw(BuildError, /maxItemBytes/)
  })
})
