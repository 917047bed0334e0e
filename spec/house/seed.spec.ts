import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { Folder } from '../support/folder.ts'

const execute = promisify(execFile)

describe('What specs draw at random', () => {
  const folder = new Folder()
  let runs = 0
  before(() => folder.make())
  after(() => folder.remove())

  /** A run of mocha as the scripts do it, and what its specs drew, a line each. */
  const drawnBy = async (
    seed: string | undefined,
    ...flags: readonly string[]
  ): Promise<readonly string[]> => {
    runs += 1
    const drawn = folder.file(`drawn-${runs}`)
    const words = ['node_modules/mocha/bin/mocha.js', ...flags, 'spec/house/seed/draws.ts']
    await execute(process.execPath, words, {
      env: { ...process.env, DRAWN: drawn, TIDEMARK_SEED: seed },
    })
    return (await readFile(drawn, 'utf8')).trim().split('\n')
  }

  it('is the same again with the same TIDEMARK_SEED, one by one and side by side', async () => {
    const [first, again, beside] = await Promise.all([
      drawnBy('4294967295'),
      drawnBy('4294967295'),
      drawnBy('4294967295', '--parallel', '--jobs', '2'),
    ])
    expect(first).to.have.length(3)
    expect(again).to.deep.equal(first)
    expect(beside).to.deep.equal(first)
  })

  it('is other with another, and each time without one', async () => {
    const runs = await Promise.all([drawnBy('1'), drawnBy(''), drawnBy(undefined)])
    for (const line of [0, 1, 2]) {
      expect(new Set(runs.map((drawn) => drawn[line])), `line ${line}`).to.have.property('size', 3)
    }
  })

  it('refuses a seed that is none', async () => {
    const failure = await drawnBy('4294967296').catch((error: Error) => error)
    expect(failure).to.be.an('error')
    expect((failure as Error).message).to.include('TIDEMARK_SEED is a whole number from 0')
  })
})
