import { expect } from 'chai'
import { Inbox, LOAD_INPUT } from '../../../lib/actor/inbox.ts'
import { data, END, end, FRONTIER, frontier, watermark } from '../../../lib/signal/signal.ts'

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
})
