import { expect } from 'chai'
import { Timing } from '../../../lib/actor/timing.ts'
import { data } from '../../../lib/signal/signal.ts'

/** A clock that counts how often it is looked at. */
class Clock {
  time = 0
  looks = 0
  readonly read = (): number => {
    this.looks += 1
    return this.time
  }
}

const total = ({ counts }: { readonly counts: readonly number[] }): number =>
  counts.reduce((a, b) => a + b, 0)

describe('the timing of batches', () => {
  let clock: Clock

  beforeEach(() => {
    clock = new Clock()
  })

  const take = (timing: Timing, batch: { took: number; after: number }, times: number): void => {
    for (let n = 0; n < times; n += 1) {
      timing.begin()
      clock.time += batch.took
      timing.end()
      clock.time += batch.after
    }
  }

  it('looks at the clock for one in eight of many quick batches, and counts all of them', () => {
    const timing = new Timing(clock.read)
    take(timing, { took: 0.01, after: 0.001 }, 8001)
    expect(clock.looks).to.be.within(2000, 2020)
    expect(total(timing.durations.counted)).to.be.within(7990, 8001)
    expect(timing.durations.counted.sum).to.be.closeTo(80, 0.2)
  })

  it('times each where they are slow, or come one at a time', () => {
    for (const batch of [
      { took: 0.06, after: 0 },
      { took: 0.001, after: 0.2 },
    ]) {
      const timing = new Timing(clock.read)
      const before = clock.looks
      take(timing, batch, 100)
      expect(clock.looks - before).to.equal(200)
      expect(total(timing.durations.counted)).to.equal(100)
    }
  })

  it('times each again as soon as one of them was slow', () => {
    const timing = new Timing(clock.read)
    take(timing, { took: 0.01, after: 0 }, 100)
    take(timing, { took: 5, after: 0 }, 8)
    const before = clock.looks
    take(timing, { took: 5, after: 0 }, 10)
    expect(clock.looks - before).to.equal(20)
  })

  it('notes and times each batch while they are wanted one by one, and none else', () => {
    const noted: number[] = []
    const notes = {
      recording: false,
      batch: (_step: string, _batch: unknown, began: number) => noted.push(began),
    }
    const timing = new Timing(clock.read, notes)
    const batch = data(0, 1, null, [1])
    const go = (times: number): void => {
      for (let n = 0; n < times; n += 1) {
        take(timing, { took: 0.01, after: 0 }, 1)
        timing.note('step', batch)
      }
    }
    go(100)
    expect(noted).to.deep.equal([])
    notes.recording = true
    const before = clock.looks
    go(50)
    expect(clock.looks - before).to.equal(100)
    expect(noted).to.have.length(50)
  })
})
