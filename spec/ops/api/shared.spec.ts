import { expect } from 'chai'
import { Shared } from '../../../ops/api/shared.ts'

describe('What an API shares between those who ask', () => {
  let time: number
  let made: number

  beforeEach(() => {
    time = 0
    made = 0
  })

  const counting = (): Shared<number> =>
    new Shared(
      async () => {
        made += 1
        if (made === 3) throw new Error('the third')
        return made
      },
      { lasts: 100, now: () => time },
    )

  it('is made once for all who ask at once, and lasts a while', async () => {
    const shared = counting()
    const first = Array.from({ length: 50 }, () => shared.get())
    // However long it takes.
    time = 5000
    first.push(shared.get())
    expect(new Set(await Promise.all(first))).to.deep.equal(new Set([1]))
    time = 5099
    expect(await shared.get()).to.equal(1)
    time = 5100
    expect(await shared.get()).to.equal(2)
  })

  it('is tried again by who comes after a failure', async () => {
    const shared = counting()
    for (time = 0; time < 200; time += 100) await shared.get()
    const failed = await shared.get().catch((error: Error) => error.message)
    expect(failed).to.equal('the third')
    expect(await shared.get()).to.equal(4)
  })
})
