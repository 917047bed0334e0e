import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { printedBy, promisedBy } from './snippets/programs.ts'

const SAMPLES = 'samples'
const AT_ONCE = 2
const LADDER = /^\d\d-[a-z-]+\.ts$/

const names = readdirSync(SAMPLES)
  .filter((name) => LADDER.test(name))
  .sort()

const textOf = (name: string): string => readFileSync(`${SAMPLES}/${name}`, 'utf8')

/** Runs a few at once; what one gave, or why it failed, is kept for its own spec. */
const runAll = (): ReadonlyMap<string, Promise<string>> => {
  const runs = new Map<string, Promise<string>>()
  let lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve())
  for (const name of names) {
    const [lane = Promise.resolve(), ...others] = lanes
    const run = lane.then(() => printedBy(`${SAMPLES}/${name}`))
    runs.set(name, run)
    lanes = [...others, run.catch(() => {})]
  }
  return runs
}

describe('the clock of samples', () => {
  it('is the one that follows the stream, wherever there are windows', () => {
    const all = readdirSync(SAMPLES).filter((name) => name.endsWith('.ts'))
    const using = (clock: RegExp): readonly string[] => all.filter((n) => clock.test(textOf(n)))
    expect(using(/new WatermarkClock\(/)).to.not.deep.equal([])
    expect(using(/new EventClock\(/)).to.deep.equal([])
    // A feed that can't be replayed, of items whose own time doesn't count, has no other clock.
    expect(using(/new SystemClock\(/)).to.deep.equal(['websocket-firehose.ts'])
  })
})

describe('the samples', () => {
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
      expect(promisedBy(textOf(name))).to.not.equal('')
      expect(await runs.get(name)).to.equal(promisedBy(textOf(name)))
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
