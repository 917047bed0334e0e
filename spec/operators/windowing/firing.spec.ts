import { expect } from 'chai'
import { BuildError } from '../../../lib/errors/errors.ts'
import { EventClock } from '../../../operators/windowing/event-clock.ts'
import { type FiringOptions, firingPolicy } from '../../../operators/windowing/firing.ts'
import { SessionWindower } from '../../../operators/windowing/session-windower.ts'
import { SlidingWindower } from '../../../operators/windowing/sliding-windower.ts'
import { TumblingWindower } from '../../../operators/windowing/tumbling-windower.ts'
import { checkLateness } from '../../../operators/windowing/window-plan.ts'
import type { Windower } from '../../../operators/windowing/windower.ts'
import { at, lists, type Timed, timestamp, World } from './worlds.ts'

const tumbling = new TumblingWindower({ length: { seconds: 10 }, alignTo: 0 })
const session = new SessionWindower({ gap: { seconds: 5 } })

const worldOf = (firing: FiringOptions, windower: Windower<unknown> = tumbling, wait = 0): World =>
  new World({
    clock: new EventClock<Timed>({ timestamp, wait: wait * 1000 }),
    windower,
    logic: lists,
    ...firing,
  })

describe('allowedLateness', () => {
  const allowedLateness = { seconds: 20 }

  it('lets a closed window come out again with all it holds', () => {
    const world = worldOf({ allowedLateness }).batch(at(1), at(12), at(3), at(4)).end()
    expect(world.out.of('down')).to.deep.equal([
      [0, [1]],
      [0, [1, 3]],
      [0, [1, 3, 4]],
      [1, [12]],
    ])
    expect(world.out.of('meta').map(([id]) => id)).to.deep.equal([0, 0, 0, 1])
    expect(world.out.of('late')).to.deep.equal([])
  })

  it('or with only what is new', () => {
    const world = worldOf({ allowedLateness, late: 'discard' })
    world.batch(at(1), at(12), at(3), at(4)).end()
    expect(world.out.of('down')).to.deep.equal([
      [0, [1]],
      [0, [3]],
      [0, [4]],
      [1, [12]],
    ])
  })

  it('is over when the watermark is that far past the end', () => {
    const world = worldOf({ allowedLateness }).each(at(1), at(29.999), at(2)).batch(at(30), at(3))
    expect(world.out.of('late')).to.deep.equal([[0, 3]])
    expect(world.out.of('down')).to.deep.equal([
      [0, [1]],
      [0, [1, 2]],
      [2, [29.999]],
    ])
  })

  it('takes a late value into a window that has not ended, which comes out once', () => {
    const world = worldOf({ allowedLateness }).each(at(5), at(2), at(12))
    expect(world.out.of('down')).to.deep.equal([[0, [5, 2]]])
  })

  it('opens a window for a late value alone', () => {
    const world = worldOf({ allowedLateness }).each(at(25), at(12))
    expect(world.out.of('down')).to.deep.equal([[1, [12]]])
  })

  it('gives a value as late for those of its windows that are gone', () => {
    const windower = new SlidingWindower({ length: 10_000, offset: 5000, alignTo: 0 })
    const world = worldOf({ allowedLateness: 3000 }, windower).each(at(14), at(6))
    expect(world.out.of('late')).to.deep.equal([[0, 6]])
    world.each(at(16)).out.take()
    world.each(at(7))
    expect(world.out.of('late')).to.deep.equal([[0, 7]])
    expect(world.out.of('down')).to.deep.equal([[1, [14, 6, 7]]])
  })

  it('does not depend on batches', () => {
    const values = [at(1), at(12), at(3), at(25), at(4), at(13), at(31), at(5), at(45)]
    for (const windower of [tumbling, session]) {
      for (const late of ['accumulate', 'discard'] as const) {
        const one = worldOf({ allowedLateness, late }, windower)
          .batch(...values)
          .end()
        const many = worldOf({ allowedLateness, late }, windower)
          .each(...values)
          .end()
        expect(one.out.all).to.deep.equal(many.out.all)
      }
    }
  })

  it('lets a session that a late value prolonged end again', () => {
    const world = worldOf({ allowedLateness }, session).each(at(1), at(7.5), at(5))
    expect(world.out.of('down')).to.deep.equal([[0, [1]]])
    world.each(at(14))
    expect(world.out.of('down').at(-1)).to.deep.equal([0, [1, 5, 7.5]])
    expect(world.out.of('meta').at(-1)).to.deep.equal([0, [1, 7.5, 1]])
  })

  it('frees a window when it is over, and wakes for that', () => {
    const world = worldOf({ allowedLateness }).batch(at(1))
    expect(world.waitUntil(100)).to.equal(2)
    expect(world.step.table.peek('k')).to.deep.equal({ clock: 30_000, windower: [] })
    expect(world.out.of('down')).to.deep.equal([[0, [1]]])
  })

  it('resumes what has come out', () => {
    const values = [at(1), at(12), at(3), at(25), at(4), at(13), at(31), at(5), at(45)]
    for (const late of ['accumulate', 'discard'] as const) {
      const through = worldOf({ allowedLateness, late })
        .each(...values)
        .end()
      const stopped = worldOf({ allowedLateness, late })
      for (const value of values) stopped.batch(value).resume()
      expect(stopped.end().out.all).to.deep.equal(through.out.all)
    }
  })

  it('needs a windower that tells the ends of its windows', () => {
    const policy = firingPolicy({ allowedLateness }, 'spec')
    class Plain extends TumblingWindower {
      override build(resume: number[] | null): ReturnType<TumblingWindower['build']> {
        const { closesAt: _, ...rest } = { ...super.build(resume) }
        return rest as ReturnType<TumblingWindower['build']>
      }
    }
    const plain = new Plain({ length: 1, alignTo: 0 })
    expect(() => checkLateness(plain, policy, 'w')).to.throw(BuildError, 'closesAt')
    expect(() => checkLateness(tumbling, policy, 'w')).not.to.throw()
  })
})

describe('trigger', () => {
  it('shows the window after each `count` values', () => {
    const world = worldOf({ trigger: { count: 2 } })
      .each(at(1), at(2), at(3), at(4), at(5))
      .end()
    expect(world.out.of('down')).to.deep.equal([
      [0, [1, 2]],
      [0, [1, 2, 3, 4]],
      [0, [1, 2, 3, 4, 5]],
    ])
    expect(world.out.of('meta')).to.have.length(1)
  })

  it('shows the window on each change', () => {
    const world = worldOf({ trigger: { onChange: true } })
      .batch(at(1), at(2))
      .end()
    expect(world.out.of('down')).to.deep.equal([
      [0, [1]],
      [0, [1, 2]],
      [0, [1, 2]],
    ])
  })

  it('shows the window at multiples of `every`, if it has changed', () => {
    const world = worldOf({ trigger: { every: { seconds: 3 } } })
    world.each(at(1), at(2), at(4), at(9.5), at(12)).end()
    expect(world.out.of('down')).to.deep.equal([
      [0, [1, 2]],
      [0, [1, 2, 4]],
      [0, [1, 2, 4, 9.5]],
      [1, [12]],
    ])
  })

  it('shows the window by wall time while nothing comes', () => {
    const world = worldOf({ trigger: { every: { seconds: 3 } } }).batch(at(1))
    expect(world.waitUntil(2)).to.equal(1)
    expect(world.out.of('down')).to.deep.equal([[0, [1]]])
    expect(world.waitUntil(8)).to.equal(0)
    expect(world.waitUntil(9)).to.equal(1)
  })

  it('never changes what has come out', () => {
    const world = worldOf({ trigger: { onChange: true } }).each(at(1))
    const [[, first]] = world.out.of('down') as [[number, unknown[]]]
    world.each(at(2))
    expect(first).to.deep.equal([1])
  })

  it('goes together with allowed lateness', () => {
    const world = worldOf({ trigger: { count: 2 }, allowedLateness: 20_000, late: 'discard' })
    world.each(at(1), at(2), at(12), at(3)).end()
    expect(world.out.of('down')).to.deep.equal([
      [0, [1, 2]],
      [0, [1, 2]],
      [0, [3]],
      [1, [12]],
    ])
  })

  it('resumes its counts and times', () => {
    const values = [at(1), at(2), at(3), at(4), at(5), at(12), at(13)]
    for (const trigger of [{ count: 3 }, { every: 3000 }, { onChange: true }]) {
      const through = worldOf({ trigger })
        .each(...values)
        .end()
      const stopped = worldOf({ trigger })
      for (const value of values) stopped.batch(value).resume()
      expect(stopped.end().out.all).to.deep.equal(through.out.all)
    }
  })

  it('refuses options that are none', () => {
    const refused = (options: object): void => {
      expect(() => firingPolicy(options as FiringOptions, 'w')).to.throw(BuildError, 'w: ')
    }
    refused({ trigger: { count: 0 } })
    refused({ trigger: { count: 1.5 } })
    refused({ trigger: { every: 0 } })
    refused({ allowedLateness: -1 })
    refused({ allowedLateness: Infinity })
    refused({ late: 'keep' })
    expect(firingPolicy({}, 'w')).to.equal(null)
  })
})
