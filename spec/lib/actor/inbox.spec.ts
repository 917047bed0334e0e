import { expect } from 'chai'
import fc from 'fast-check'
import { Inbox, LOAD_INPUT } from '../../../lib/actor/inbox.ts'
import {
  data,
  END,
  end,
  FRONTIER,
  frontier,
  type Signal,
  watermark,
} from '../../../lib/signal/signal.ts'

const batch = (epoch: number, ...values: unknown[]) => data(0, epoch, null, values)

/** What comes out until nothing may be taken, in few words. */
const drained = (inbox: Inbox): string[] => {
  const seen: string[] = []
  for (let signal = inbox.take(); signal !== null; signal = inbox.take()) {
    if (signal.kind !== FRONTIER) seen.push(`${signal.epoch}:${signal.values.join('')}`)
    else seen.push(signal.epoch === END ? `end ${signal.time}` : `f${signal.epoch}`)
  }
  return seen
}

const KINDS = ['data', 'data', 'data', 'time', 'idle', 'epoch', 'end', 'halt'] as const

/** What a channel brings next, and how much is taken then. */
const move = fc.record({
  channel: fc.nat(11),
  kind: fc.constantFrom(...KINDS),
  by: fc.integer({ min: 1, max: 3 }),
  takes: fc.nat(2),
})

/** Channels that send as workers do, and what has come out of them. */
class Traffic {
  readonly inbox = new Inbox()
  readonly sent: number[][] = []
  readonly seen: number[][] = []
  readonly #ends: { epoch: number; time: number; ended: boolean }[] = []
  #frontier = 0

  constructor(count: number) {
    for (let at = 0; at < count; at++) {
      this.inbox.open(0)
      this.sent.push([])
      this.seen.push([])
      this.#ends.push({ epoch: 0, time: 0, ended: false })
    }
  }

  send(at: number, kind: (typeof KINDS)[number], by: number): void {
    const [channel, end] = [this.inbox.channels[at], this.#ends[at]]
    if (channel === undefined || end === undefined || end.ended) return
    this.inbox.deliver(channel, this.#next(at, end, { kind, by }))
  }

  #next(
    at: number,
    own: { epoch: number; time: number; ended: boolean },
    { kind, by }: { readonly kind: (typeof KINDS)[number]; readonly by: number },
  ): Signal {
    switch (kind) {
      case 'data': {
        const number = this.sent[at]?.length ?? 0
        this.sent[at]?.push(number)
        return batch(own.epoch, [at, number])
      }
      case 'time':
        own.time += by
        return watermark(own.epoch, own.time)
      case 'idle':
        return watermark(own.epoch, Number.POSITIVE_INFINITY)
      case 'epoch':
        own.epoch += by
        return frontier(own.epoch)
      default:
        own.ended = true
        return end(own.epoch, kind === 'halt')
    }
  }

  /** Takes a signal, and looks whether the mailbox stands where its channels do. */
  take(): boolean {
    const { inbox } = this
    const signal = inbox.take()
    if (signal === null) return false
    const { channels } = inbox
    expect(inbox.frontier).to.equal(Math.min(...channels.map((each) => each.frontier)))
    if (signal.kind === FRONTIER) {
      expect(signal.epoch).to.equal(inbox.frontier)
      expect(signal.epoch).to.be.at.least(this.#frontier)
      this.#frontier = signal.epoch
    }
    for (const [at, number] of signal.values as readonly [number, number][]) {
      expect(signal.epoch).to.be.at.most(inbox.frontier)
      this.seen[at]?.push(number)
    }
    const asked = channels.filter((each) => each.frontier !== END || each.halted)
    const least = Math.min(...asked.map((each) => each.watermark))
    // Idle, it does not move; behind the end, nobody asks any more.
    if (Number.isFinite(least) && inbox.frontier !== END) {
      expect(inbox.watermark).to.be.at.least(least)
    }
    return true
  }
}

describe('Inbox', () => {
  it('keeps items of a later epoch back until it is open, in their own order (I1, I3)', () => {
    const inbox = new Inbox()
    const [one, other] = [inbox.open(0), inbox.open(0)]
    inbox.deliver(one, frontier(1))
    inbox.deliver(other, frontier(1))
    inbox.deliver(one, batch(1, 'a'))
    inbox.deliver(one, frontier(2))
    inbox.deliver(one, batch(2, 'c'))
    inbox.deliver(other, batch(1, 'b'))
    expect(drained(inbox)).to.deep.equal(['f1', '1:a', '1:b'])
    inbox.deliver(other, frontier(2))
    expect(drained(inbox)).to.deep.equal(['f2', '2:c'])
  })

  it('lets a channel that is behind go on while another waits', () => {
    const inbox = new Inbox()
    const [one, other] = [inbox.open(0), inbox.open(0)]
    inbox.deliver(one, frontier(2))
    inbox.deliver(one, batch(2, 'x'))
    for (const epoch of [1, 2]) inbox.deliver(other, frontier(epoch))
    expect(drained(inbox)).to.deep.equal(['f1', 'f2', '2:x'])
  })

  it('stays in its last open epoch behind the end, although a channel has been further', () => {
    const inbox = new Inbox()
    const [one, other] = [inbox.open(0), inbox.open(0)]
    inbox.deliver(other, frontier(3))
    for (const epoch of [3, 5]) inbox.deliver(one, frontier(epoch))
    inbox.deliver(one, end(5, false))
    inbox.deliver(other, end(3, false))
    expect(drained(inbox)).to.deep.equal(['f3', 'end 5'])
    expect(inbox.epoch).to.equal(3)
  })

  it('says nothing of time where only snapshots come in, as at a source (I2)', () => {
    const inbox = new Inbox()
    const loads = [inbox.open(LOAD_INPUT), inbox.open(LOAD_INPUT)]
    for (const load of loads) {
      inbox.deliver(load, frontier(4))
      inbox.deliver(load, end(4, false))
    }
    expect(drained(inbox)).to.deep.equal(['f4', 'end 4'])
    expect(inbox.watermark).to.equal(Number.NEGATIVE_INFINITY)
  })

  it('moves time on behind a channel that has ended, but not behind one that was stopped (I2)', () => {
    for (const [halted, expected] of [
      [false, 20],
      [true, 10],
    ] as const) {
      const inbox = new Inbox()
      const [slow, fast] = [inbox.open(0), inbox.open(0)]
      inbox.deliver(slow, watermark(0, 10))
      inbox.deliver(fast, watermark(0, 20))
      inbox.deliver(slow, end(0, halted))
      drained(inbox)
      expect(inbox.watermark).to.equal(expected)
    }
  })

  it('tells a sender of room again also when progress filled the channel (I5)', () => {
    const inbox = new Inbox()
    const channel = inbox.open(0)
    let told = 0
    channel.onRoom = () => {
      told += 1
    }
    for (let epoch = 1; !channel.full; epoch++) inbox.deliver(channel, frontier(epoch))
    inbox.take()
    expect([channel.full, told]).to.deep.equal([false, 1])
  })

  it('has the least watermark of those that can still send one', () => {
    const inbox = new Inbox()
    const [one, other] = [inbox.open(0), inbox.open(0)]
    for (const channel of [one, other]) inbox.deliver(channel, frontier(1))
    inbox.deliver(one, watermark(1, 50))
    inbox.deliver(other, watermark(1, 20))
    drained(inbox)
    expect(inbox.watermark).to.equal(20)
    inbox.deliver(other, end(1, false))
    drained(inbox)
    expect(inbox.watermark).to.equal(50)
  })

  it('joins small batches that lie next to one another, and only those', () => {
    const inbox = new Inbox()
    const channel = inbox.open(0)
    inbox.deliver(channel, frontier(1))
    for (const value of ['a', 'b']) inbox.deliver(channel, batch(1, value))
    inbox.deliver(channel, frontier(2))
    inbox.deliver(channel, batch(2, 'c'))
    expect(drained(inbox)).to.deep.equal(['f1', '1:ab', 'f2', '2:c'])
  })

  it('holds its promises for any traffic on any number of channels (I1 to I4)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(move, { maxLength: 120 }),
        (count, moves) => {
          const traffic = new Traffic(count)
          for (const { channel, kind, by, takes } of moves) {
            traffic.send(channel % count, kind, by)
            for (let left = takes; left > 0 && traffic.take(); left--);
          }
          while (traffic.take());
          // What is left is at the head of its channel for an epoch that is not open.
          for (const { head } of traffic.inbox.channels) {
            if (head !== undefined) expect(head.epoch).to.be.greaterThan(traffic.inbox.frontier)
          }
          for (let at = 0; at < count; at++) traffic.send(at, 'end', 0)
          while (traffic.take());
          expect(traffic.seen).to.deep.equal(traffic.sent)
        },
      ),
      { numRuns: 300 },
    )
  })
})
