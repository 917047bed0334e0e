import { expect } from 'chai'
import { DateTime } from 'luxon'
import { BuildError } from '../../../lib/errors/errors.ts'
import { EventClock } from '../../../operators/windowing/event-clock.ts'
import { MovingTime } from '../../../operators/windowing/step-time.ts'
import { SystemClock } from '../../../operators/windowing/system-clock.ts'
import { WatermarkClock } from '../../../operators/windowing/watermark-clock.ts'

const START = Date.UTC(2024, 0, 1)
const second = (n: number): number => START + n * 1000

/** An event clock with `wait` seconds whose wall time is set by hand. */
const eventClock = (wait = 5) => {
  const wall = { now: START }
  const clock = new EventClock<number>({
    timestamp: second,
    wait: { seconds: wait },
    now: () => wall.now,
  })
  return { logic: clock.build(null), clock, wall }
}

describe('EventClock', () => {
  it('has no watermark before the first value', () => {
    expect(eventClock().logic.onNotify()).to.equal(Number.NEGATIVE_INFINITY)
  })

  it('has a watermark `wait` behind the latest value', () => {
    const { logic } = eventClock()
    expect(logic.onItem(7)).to.deep.equal({ time: second(7), watermark: second(2) })
    expect(logic.onItem(10).watermark).to.equal(second(5))
    expect(logic.onItem(3).watermark).to.equal(second(5))
  })

  it('moves on with wall time', () => {
    const { logic, wall } = eventClock()
    logic.onItem(7)
    wall.now += 2000
    expect(logic.onNotify()).to.equal(second(4))
    expect(logic.onItem(3).watermark).to.equal(second(4))
    expect(logic.onItem(8).watermark).to.equal(second(4))
  })

  it('never moves back, nor with a wall clock that does', () => {
    const { logic, wall } = eventClock()
    logic.onItem(7)
    wall.now -= 60_000
    expect(logic.onNotify()).to.equal(second(2))
    wall.now += 61_000
    expect(logic.onNotify()).to.equal(second(3))
  })

  it('ends at infinity, whenever asked, and does not keep that', () => {
    const { logic, wall } = eventClock()
    logic.onItem(7)
    expect(logic.onEof()).to.equal(Number.POSITIVE_INFINITY)
    wall.now += 2000
    expect(logic.onEof()).to.equal(Number.POSITIVE_INFINITY)
    expect(logic.snapshot()).to.equal(second(2))
  })

  it('never reaches a value with an endless wait', () => {
    const wall = { now: START }
    const logic = new EventClock<number>({
      timestamp: second,
      wait: Number.POSITIVE_INFINITY,
      now: () => wall.now,
    }).build(null)
    expect(logic.onItem(7).watermark).to.equal(Number.NEGATIVE_INFINITY)
    wall.now += 2000
    expect(logic.onItem(10).watermark).to.equal(Number.NEGATIVE_INFINITY)
    expect(logic.wakeFor?.(second(20))).to.equal(null)
    expect(logic.snapshot()).to.equal(null)
  })

  it('names the wall time at which the watermark will be there (D3)', () => {
    const { logic, wall } = eventClock()
    wall.now = second(1000)
    logic.onItem(7)
    expect(logic.wakeFor?.(second(10))).to.equal(second(1008))
    wall.now = second(1008)
    expect(logic.onNotify()).to.equal(second(10))
  })

  it('never asks to be woken at this very instant for what is still ahead (D3)', () => {
    const clock = new EventClock<number>({ timestamp: (n) => n, wait: 0, now: () => 1e15 })
    const logic = clock.build(null)
    logic.onItem(0.5)
    expect(logic.wakeFor?.(0.5 + 1e-9)).to.be.greaterThan(1e15)
  })

  it('counts wall time anew after a resume, so time spent down makes nothing late (D18)', () => {
    const { logic, clock, wall } = eventClock()
    logic.onItem(100)
    const kept = logic.snapshot()
    wall.now += 3_600_000
    const resumed = clock.build(kept)
    expect(resumed.onItem(101).watermark).to.equal(second(96))
    wall.now += 1000
    expect(resumed.onNotify()).to.equal(second(97))
  })

  it('keeps what it made of wall time when it is resumed', () => {
    const { logic, clock, wall } = eventClock()
    logic.onItem(7)
    wall.now += 2000
    logic.onNotify()
    expect(clock.build(logic.snapshot()).onNotify()).to.equal(second(4))
  })

  it('reads wall time where the step tells it to', () => {
    const time = new MovingTime()
    time.moveTo(1000)
    const logic = new EventClock<number>({ timestamp: (n) => n, wait: 0 }).build(null, time)
    logic.onItem(50)
    time.moveTo(1020)
    time.moveTo(3)
    expect(logic.onNotify()).to.equal(70)
  })

  it('takes numbers, dates and luxon times', () => {
    const clock = new EventClock<number | Date | DateTime>({
      timestamp: (time) => time,
      wait: 0,
      now: () => 0,
    })
    const times = [1000, new Date(2000), DateTime.fromMillis(3000)]
    const logic = clock.build(null)
    expect(times.map((time) => logic.onItem(time).time)).to.deep.equal([1000, 2000, 3000])
  })

  for (const bad of [Number.NaN, undefined, null, '2024-01-01T00:00:00', {}, new Date('x')]) {
    it(`names a timestamp that is no time: ${String(bad)}`, () => {
      const clock = new EventClock<unknown>({ timestamp: (v) => v as number, wait: 0 })
      const logic = clock.build(null)
      expect(() => logic.onItem(bad)).to.throw(TypeError, /`timestamp` gave .* is not a time/)
    })
  }

  it('refuses a wait that is none', () => {
    const timestamp = second
    expect(() => new EventClock({ timestamp, wait: -1 })).to.throw(BuildError, /wait is -1/)
    expect(() => new EventClock({ timestamp, wait: Number.NaN })).to.throw(BuildError)
    expect(() => new EventClock({ timestamp: 3 as never, wait: 1 })).to.throw(BuildError)
  })
})

describe('SystemClock', () => {
  it('gives each value the time it arrives', () => {
    const time = new MovingTime()
    time.moveTo(1000)
    const logic = new SystemClock().build(null, time)
    expect(logic.onItem('a')).to.deep.equal({ time: 1000, watermark: 1000 })
    time.moveTo(2000)
    expect(logic.onNotify()).to.equal(2000)
    expect(logic.wakeFor?.(2000.5)).to.equal(2001)
  })

  it('ends at infinity', () => {
    expect(new SystemClock().build(null).onEof()).to.equal(Number.POSITIVE_INFINITY)
  })
})

describe('WatermarkClock', () => {
  it('takes time from the value and the watermark from the stream', () => {
    const time = new MovingTime()
    const logic = new WatermarkClock<number>({ timestamp: (n) => n }).build(null, time)
    expect(logic.onItem(7)).to.deep.equal({ time: 7, watermark: Number.NEGATIVE_INFINITY })
    time.advanceTo(20)
    time.advanceTo(10)
    expect(logic.onItem(7)).to.deep.equal({ time: 7, watermark: 20 })
    expect(logic.snapshot()).to.equal(null)
  })

  it('names a timestamp that is no time', () => {
    const logic = new WatermarkClock<number>({ timestamp: (n) => n }).build(null)
    expect(() => logic.onItem(Number.NaN)).to.throw(TypeError, /WatermarkClock/)
  })
})
