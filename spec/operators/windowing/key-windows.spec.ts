import { expect } from 'chai'
import { EventClock } from '../../../operators/windowing/event-clock.ts'
import { foldLogic } from '../../../operators/windowing/fold-logic.ts'
import { SessionWindower } from '../../../operators/windowing/session-windower.ts'
import { SlidingWindower } from '../../../operators/windowing/sliding-windower.ts'
import { SystemClock } from '../../../operators/windowing/system-clock.ts'
import { TumblingWindower } from '../../../operators/windowing/tumbling-windower.ts'
import { WatermarkClock } from '../../../operators/windowing/watermark-clock.ts'
import type { Windower } from '../../../operators/windowing/windower.ts'
import { at, echoes, lists, type Timed, timestamp, World } from './worlds.ts'

const tumbling = new TumblingWindower({ length: { seconds: 10 }, alignTo: 0 })
const sliding = new SlidingWindower({ length: 10_000, offset: 5000, alignTo: 0 })
const session = new SessionWindower({ gap: { seconds: 5 } })

const eventWorld = (windower: Windower<unknown>, wait = 0, ordered = true): World =>
  new World({
    clock: new EventClock<Timed>({ timestamp, wait: wait * 1000 }),
    windower,
    logic: lists,
    ordered,
  })

const streamWorld = (windower: Windower<unknown>, ordered = true): World =>
  new World({ clock: new WatermarkClock<Timed>({ timestamp }), windower, logic: lists, ordered })

describe('KeyWindows', () => {
  it('collects by time with an endless wait', () => {
    const world = eventWorld(tumbling, Number.POSITIVE_INFINITY)
    world.batch(at(1, 1), at(8, 3), at(4, 2), at(13, 5), at(12, 4)).end()
    expect(world.out.of('down')).to.deep.equal([
      [0, [1, 2, 3]],
      [1, [4, 5]],
    ])
  })

  it('has one watermark for each key, and ends keys in order', () => {
    const world = eventWorld(tumbling, 0, false)
    const values: [string, Timed][] = [
      ['c', at(3)],
      ['a', at(0)],
      ['a', at(4)],
      ['b', at(8)],
      ['a', at(12)],
      ['a', at(13)],
    ]
    world.batchOf(values)
    expect(world.out.take().map(([, key, id]) => [key, id])).to.deep.equal([
      ['a', 0],
      ['a', 0],
    ])
    world.end()
    const down = world.out.take().filter(([stream]) => stream === 'down')
    expect(down.map(([, key, id, value]) => [key, id, value])).to.deep.equal([
      ['a', 1, [12, 13]],
      ['b', 0, [8]],
      ['c', 0, [3]],
    ])
  })

  const runs = [at(1, 'a'), at(5, 'b'), at(11, 'c'), at(12, 'd'), at(13, 'e'), at(14, 'f')]

  it('groups sessions', () => {
    const world = eventWorld(session)
      .each(...runs, at(20, 'g'), at(1, 'h'))
      .end()
    expect(world.out.of('down')).to.deep.equal([
      [0, ['a', 'b']],
      [1, ['c', 'd', 'e', 'f']],
      [2, ['g']],
    ])
    expect(world.out.of('late')).to.deep.equal([[-1, 'h']])
    expect(world.out.of('meta')).to.deep.equal([
      [0, [1, 5]],
      [1, [11, 14]],
      [2, [20, 20]],
    ])
  })

  it('puts a value into all its sliding windows', () => {
    const [a, , , d, e, f] = runs as [Timed, Timed, Timed, Timed, Timed, Timed]
    const values = [a, at(4, 'b'), at(8, 'c'), d, e, f, at(16, 'g'), at(1, 'h')]
    const world = eventWorld(sliding)
      .each(...values)
      .end()
    expect(world.out.of('down')).to.deep.equal([
      [-1, ['a', 'b']],
      [0, ['a', 'b', 'c']],
      [1, ['c', 'd', 'e', 'f']],
      [2, ['d', 'e', 'f', 'g']],
      [3, ['g']],
    ])
    expect(world.out.of('late')).to.deep.equal([
      [-1, 'h'],
      [0, 'h'],
    ])
  })

  it('gives out late values first, then values, closes and their metadata', () => {
    const world = eventWorld(tumbling).batch(at(1), at(5, 'x'), at(5, 'y'), at(4), at(12))
    expect(world.out.all).to.deep.equal([
      ['late', 'k', 0, 4],
      ['down', 'k', 0, [1, 'x', 'y']],
      ['meta', 'k', 0, [0, 10]],
    ])
  })

  it('takes a value at the watermark in, and only there', () => {
    const world = eventWorld(tumbling).each(at(5), at(5, 'on time'), at(4.999, 'late')).end()
    expect(world.out.of('down')).to.deep.equal([[0, [5, 'on time']]])
    expect(world.out.of('late')).to.deep.equal([[0, 'late']])
  })

  it('closes windows of a key by (close time, id)', () => {
    const world = eventWorld(tumbling, 100, false).batch(at(35), at(5), at(25), at(15)).end()
    expect(world.out.of('meta').map(([id]) => id)).to.deep.equal([0, 1, 2, 3])
  })

  it('applies values in arrival order when unordered', () => {
    const world = eventWorld(tumbling, 100, false).batch(at(8), at(2), at(5)).end()
    expect(world.out.of('down')).to.deep.equal([[0, [8, 2, 5]]])
  })

  it('loses nothing of a batch whose own watermark runs far ahead', () => {
    for (const windower of [tumbling, session, sliding]) {
      const one = eventWorld(windower).batch(at(1), at(100), at(200)).end()
      const many = eventWorld(windower).each(at(1), at(100), at(200)).end()
      expect(one.out.of('down')).to.deep.equal(many.out.of('down'))
      expect(one.out.of('late')).to.deep.equal([])
    }
  })

  it('merges sessions before it closes them, and names the merged', () => {
    const world = eventWorld(session, 100, false)
    world.batch(at(10, 'y'), at(11, 'z'), at(1, 'x'), at(6, 'bridge')).end()
    expect(world.out.all).to.deep.equal([
      ['down', 'k', 1, ['x', 'y', 'z', 'bridge']],
      ['meta', 'k', 1, [1, 11, 0]],
    ])
  })

  it('names every id of a chain of merges', () => {
    const world = eventWorld(session, 100, false)
    world.each(at(0), at(10), at(20), at(15), at(5)).end()
    expect(world.out.of('meta')).to.deep.equal([[0, [0, 20, 1, 2]]])
    expect(world.out.of('down')).to.deep.equal([[0, [0, 5, 10, 15, 20]]])
  })

  it('gives wall time windows without anything late', () => {
    const world = new World({ clock: new SystemClock(), windower: tumbling, logic: lists }, 3)
    world.batch(at(99, 'a'))
    expect(world.waitUntil(9)).to.equal(0)
    world.batch(at(0, 'b'))
    expect(world.waitUntil(10)).to.equal(1)
    expect(world.out.of('down')).to.deep.equal([[0, ['a', 'b']]])
    expect(world.step.table.size).to.equal(0)
  })

  it('wakes for the earliest of what it holds, not the first that came (D9)', () => {
    const clock = new EventClock<Timed>({ timestamp, wait: 5000 })
    const world = new World({ clock, windower: tumbling, logic: echoes })
    world.batch(at(9, 'second'), at(7, 'first'))
    expect(world.step.nextTimer()).to.equal(3000)
    world.waitUntil(3)
    expect(world.out.of('down')).to.deep.equal([[0, 'first']])
  })

  it('is woken once for each thing that is due, on live and on old data (D3)', () => {
    for (const wall of [0, 1e9]) {
      const world = eventWorld(tumbling, 5)
      world.wall = wall
      world.batch(at(4), at(7))
      // 7 s has a watermark of 2 s: 4 s is due in 2 s, 7 s in 5 s, the close in 8 s.
      expect(world.waitUntil(wall + 100)).to.equal(3)
      expect(world.out.of('down')).to.deep.equal([[0, [4, 7]]])
    }
  })

  it('is woken once for a session, when it closes (D4)', () => {
    const world = eventWorld(session).batch(at(1))
    expect(world.waitUntil(5)).to.equal(0)
    expect(world.waitUntil(100)).to.equal(1)
    expect(world.out.of('down')).to.deep.equal([[0, [1]]])
  })

  it('never emits a window again after its key was idle (D23)', () => {
    const world = eventWorld(tumbling).batch(at(1, 'a'))
    world.wall = 60
    world.batch(at(2, 'b')).batch(at(3, 'c')).end()
    expect(world.out.of('down')).to.deep.equal([[0, ['a']]])
    expect(world.out.of('late')).to.deep.equal([
      [0, 'b'],
      [0, 'c'],
    ])
  })

  it('keeps the watermark of an idle key over a resume (D23)', () => {
    const world = eventWorld(tumbling).batch(at(1, 'a'))
    world.waitUntil(60)
    world.resume().batch(at(2, 'b')).end()
    expect(world.out.of('down')).to.deep.equal([[0, ['a']]])
    expect(world.out.of('late')).to.deep.equal([[0, 'b']])
  })

  it('keeps of an idle key its clock and the number of its sessions (D5)', () => {
    const world = eventWorld(session).batch(at(1))
    world.waitUntil(60)
    expect(world.step.table.peek('k')).to.deep.equal({
      clock: 6001,
      windower: { nextId: 1, open: [] },
    })
    world.resume().batch(at(100)).end()
    expect(world.out.of('down')).to.deep.equal([
      [0, [1]],
      [1, [100]],
    ])
  })

  it('keeps nothing of an idle key that follows the stream (D5)', () => {
    for (const windower of [tumbling, session, sliding]) {
      const world = streamWorld(windower).batch(at(1)).watermark(100)
      expect(world.step.table.size).to.equal(0)
      expect(world.snapshot()).to.not.include('z')
      expect(world.step.table.peek('k')).to.equal(undefined)
      world.out.take()
      world.batch(at(2, 'late')).end()
      expect(new Set(world.out.all.map(([stream]) => stream))).to.deep.equal(new Set(['late']))
    }
  })

  it('lets the stream close the windows of quiet keys, by (time, key)', () => {
    const world = streamWorld(tumbling, false)
    world.batchOf([
      ['b', at(11)],
      ['z', at(5)],
      ['c', at(1)],
      ['a', at(12)],
    ])
    world.watermark(20)
    const down = world.out.all.filter(([stream]) => stream === 'down')
    expect(down.map(([, key, id]) => key + id)).to.deep.equal(['c0', 'z0', 'a1', 'b1'])
    expect(world.step.nextTimer()).to.equal(Number.POSITIVE_INFINITY)
  })

  it('makes nothing late that is replayed after a long time down (D18)', () => {
    const world = eventWorld(tumbling, 5).batch(at(100)).resume(3600)
    world.batch(at(101)).batch(at(3000)).end()
    expect(world.out.of('late')).to.deep.equal([])
    expect(world.out.of('down')).to.deep.equal([
      [10, [100, 101]],
      [300, [3000]],
    ])
  })

  it('resumes queue, windows and clock', () => {
    for (const windower of [tumbling, session, sliding]) {
      for (const ordered of [true, false]) {
        const values = [at(1), at(9), at(4), at(16), at(12), at(40), at(2), at(38)]
        const through = eventWorld(windower, 5, ordered)
          .each(...values)
          .end()
        const stopped = eventWorld(windower, 5, ordered)
        for (const value of values) stopped.batch(value).resume()
        expect(stopped.end().out.all).to.deep.equal(through.out.all)
      }
    }
  })

  it('goes on with a clock whose watermark is held to what it was', () => {
    const watermarks = [20, 3]
    const world = new World({
      clock: {
        build: () => ({
          onItem: ({ at: time }) => ({ time, watermark: watermarks.shift() ?? 0 }),
          onNotify: () => 0,
          onEof: () => 7,
          notifyAt: () => null,
          snapshot: () => null,
        }),
      },
      windower: new TumblingWindower({ length: 10, alignTo: 0 }),
      logic: lists,
    })
    world.batch(at(20, 'a'), at(5, 'b')).end()
    expect(world.out.of('late')).to.deep.equal([[0, 'b']])
    expect(world.out.of('down')).to.deep.equal([])
  })

  it('does not spin with a clock that always asks for a time gone by (D3)', () => {
    const world = new World({
      clock: {
        build: () => ({
          onItem: ({ at: time }) => ({ time, watermark: 0 }),
          onNotify: () => 0,
          onEof: () => Number.POSITIVE_INFINITY,
          notifyAt: () => -1,
          snapshot: () => null,
        }),
      },
      windower: tumbling,
      logic: lists,
    })
    world.batch(at(1)).step.onTimer(5)
    expect(world.step.nextTimer()).to.equal(6)
  })
})

describe('WindowStep', () => {
  it('says where a callback threw, and loses nothing else', () => {
    for (const ordered of [true, false]) {
      const world = new World({
        clock: new EventClock<Timed>({ timestamp, wait: 0 }),
        windower: tumbling,
        ordered,
        logic: foldLogic<Timed, unknown>({
          init: () => '',
          fold: (text, { is }) => {
            if (is === 'bad') throw new Error('boom')
            return `${text}${is}`
          },
          merge: (text) => text,
        }),
      })
      const batch: [string, Timed][] = [
        ['a', at(1, 'a')],
        ['k', at(1, 'k')],
        ['k', at(2, 'bad')],
        ['k', at(3, 'l')],
        ['z', at(1, 'z')],
      ]
      expect(() => world.batchOf(batch)).to.throw('boom')
      expect(world.step.key).to.equal('k')
      expect(world.step.position).to.equal(5)
      world.batch().end()
      const down = world.out.all.filter(([kind]) => kind === 'down')
      expect(down.map(([, key, , text]) => key + text)).to.deep.equal(['aa', 'kkl', 'zz'])
    }
  })

  it('says which value has no time', () => {
    const world = streamWorld(tumbling)
    expect(() => world.batch(at(1), at(Number.NaN), at(2))).to.throw(TypeError)
    expect(world.step.position).to.equal(1)
    world.batch(at(2)).end()
    expect(world.out.of('down')).to.deep.equal([[0, [1, 2]]])
  })
})
