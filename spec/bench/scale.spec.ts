import { expect } from 'chai'
import { type Counted, countRun } from '../../bench/scale/counting.ts'
import { countSender, exponentOf, predict } from '../../bench/scale/model.ts'

const LOAD = { batches: 10, items: 500 }
const SIZES = [2, 4, 8, 16]
/** Items that a channel has taken when it says so. */
const GRANT = 1024

describe('messages between workers', () => {
  const counted: Counted[] = []

  before(async () => {
    for (const workers of SIZES) counted.push(await countRun(workers, LOAD))
  })

  it('never carry an item twice, and carry each that is of another worker', () => {
    for (const { workers, counts } of counted) {
      const all = workers * LOAD.batches * LOAD.items
      const crossing = (all * (workers - 1)) / workers
      expect(counts.items / crossing, `${workers} workers`).to.be.within(0.9, 1.1)
    }
  })

  it('tell each worker of an epoch once: no more than W log W', () => {
    for (const { workers, epochs, counts } of counted) {
      expect(counts.controls).to.be.at.most((epochs + 1) * workers * Math.log2(workers))
    }
  })

  it('grant credit by items taken, however many channels there are', () => {
    for (const { counts } of counted) {
      expect(counts.credits).to.be.at.most(counts.items / GRANT)
    }
  })

  it('bring a watermark of each batch once to each other worker: W squared in all, W for one', () => {
    for (const { workers, counts } of counted) {
      const channels = workers * (workers - 1)
      expect(counts.watermarks / channels).to.be.within(LOAD.batches, LOAD.batches + 1)
    }
  })

  it('bring an epoch at most once over each channel of each crossing edge', () => {
    const perChannel = counted.map(
      ({ workers, epochs, counts }) => counts.frontiers / (workers * (workers - 1)) / epochs,
    )
    // Edges that cross do not multiply with workers: what one channel carries stays the same.
    for (const each of perChannel) expect(each / (perChannel[0] ?? 0)).to.be.within(0.7, 1.3)
  })

  it('are for one worker no more of any kind than the number of workers makes them', () => {
    for (const kind of ['batches', 'watermarks', 'frontiers', 'credits', 'controls'] as const) {
      const points = counted.map(({ workers, counts }) => [workers, counts[kind]] as const)
      if (points.some(([, count]) => count === 0)) continue
      // Of one worker's, all others are told: (W - 1) W looks steeper than W squared at two workers.
      const each = points.map(([workers, count]) => [workers - 1, count / workers] as const)
      expect(exponentOf(each), kind).to.be.below(1.1)
    }
  })
})

describe('a batch on its way to many workers', () => {
  const load = { batches: 1, items: 1000 }

  it('breaks up into no more frames than there are other workers, or items', () => {
    for (let workers = 2; workers <= 1024; workers *= 2) {
      const { batches, items } = countSender(workers, load)
      expect(batches).to.be.at.most(Math.min(workers - 1, load.items))
      expect(items).to.be.at.most(load.items)
    }
  })

  it('is predicted to cost more the more workers there are, and less in larger batches', () => {
    const costs = { item: 0.2, frame: 5, progress: 0.3, mailbox: 0.2, work: 0.2 }
    const overheads = [2, 32, 1024].map((workers) => predict(workers, load, costs).overhead)
    expect(overheads).to.deep.equal([...overheads].sort((a, b) => a - b))
    const large = predict(1024, { batches: 1, items: 16_384 }, costs)
    expect(large.overhead).to.be.below(overheads[2] ?? 0)
  })

  it('is followed by watermarks that cost less than a tenth of it, up to a thousand workers', () => {
    // As measured when docs/scaling.md was written, rounded against it.
    const costs = { item: 0.25, frame: 8, progress: 0.4, mailbox: 0.3, work: 1.8 }
    for (const workers of [10, 100, 1000]) {
      expect(predict(workers, load, costs).progress, `${workers} workers`).to.be.below(0.1)
    }
  })

  it('has its growth read off as a power', () => {
    expect(exponentOf([1, 2, 4, 8].map((x) => [x, 5 * x ** 1.5]))).to.be.closeTo(1.5, 1e-9)
  })
})
