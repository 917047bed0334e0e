import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect } from 'chai'

const SAMPLES = 'samples'
const AT_ONCE = 2
const LADDER = /^\d\d-[a-z-]+\.ts$/
const LIMIT_MS = 60_000

const names = readdirSync(SAMPLES)
  .filter((name) => LADDER.test(name))
  .sort()

const textOf = (name: string): string => readFileSync(`${SAMPLES}/${name}`, 'utf8')

/** What a sample says it prints: its `// =>` lines. */
const promised = (name: string): string =>
  [...textOf(name).matchAll(/^\/\/ => (.*)$/gm)].map(([, line = '']) => `${line}\n`).join('')

const runSample = async (name: string): Promise<string> => {
  const args = ['--import', 'tsx', '--conditions', 'source', `${SAMPLES}/${name}`]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: LIMIT_MS })
  return stdout
}

/** Runs a few at once; what one gave, or why it failed, is kept for its own spec. */
const runAll = (): ReadonlyMap<string, Promise<string>> => {
  const runs = new Map<string, Promise<string>>()
  let lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve())
  for (const name of names) {
    const [lane = Promise.resolve(), ...others] = lanes
    const run = lane.then(() => runSample(name))
    runs.set(name, run)
    lanes = [...others, run.catch(() => {})]
  }
  return runs
}

describe('the clock of samples', () => {
  it('is the one that follows the stream, wherever there are windows', () => {
    const all = readdirSync(SAMPLES)
      .filter((name) => name.endsWith('.ts'))
      .map(textOf)
    expect(all.some((text) => text.includes('new WatermarkClock('))).to.equal(true)
    expect(all.filter((text) => /new (Event|System)Clock\(/.test(text))).to.deep.equal([])
  })
})

describe('the samples', function () {
  this.timeout(LIMIT_MS)
  let runs: ReadonlyMap<string, Promise<string>> = new Map()

  before(() => {
    runs = runAll()
  })

  it('are a ladder without a missing rung', () => {
    expect(names.map((name) => Number(name.slice(0, 2)))).to.deep.equal(
      names.map((_, at) => at + 1),
    )
  })

  for (const name of names) {
    it(`${name} prints what it says`, async () => {
      expect(promised(name)).to.not.equal('')
      expect(await runs.get(name)).to.equal(promised(name))
    })

    it(`${name} fits on a page and says first what it teaches`, () => {
      const lines = textOf(name).trimEnd().split('\n')
      expect(lines.length).to.be.at.most(60)
      expect(lines.slice(0, 3)).to.satisfy((head: string[]) =>
        ['// What it teaches: ', '// What to notice: ', '// Run it: '].every(
          (start, at) => head[at]?.startsWith(start) === true,
        ),
      )
    })
  }
})
