import { appendFileSync } from 'node:fs'
import fc from 'fast-check'
import { SEED } from '../../support/seed.ts'

/** Specs for a run of mocha of its own: what they draw is written to the file that DRAWN names. */
const tell = (drawn: unknown): void => {
  appendFileSync(process.env['DRAWN'] as string, `${JSON.stringify(drawn)}\n`)
}

describe('A spec', () => {
  it('draws by fast-check', () => {
    const drawn: number[] = []
    fc.assert(fc.property(fc.nat(), (value) => void drawn.push(value)))
    tell(drawn)
  })

  it('draws samples', () => tell(fc.sample(fc.string(), 20)))

  it('draws on its own', () => tell(SEED))
})
