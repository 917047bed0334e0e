import { expect } from 'chai'
import fc from 'fast-check'
import type { Processor, ProcessorContext } from '../../../lib/state/processor.ts'
import { withTtl } from '../../../lib/state/ttl.ts'
import { ValueTable } from '../../../lib/state/value-table.ts'
import { VirtualRuntime } from '../../../testing/virtual-runtime.ts'

const TTL = 800

/** A step that counts, with a clock that is set by hand. */
class World {
  readonly table: ValueTable<number> = new ValueTable()
  readonly step: Processor
  wall = 0

  constructor(watermarked: boolean, loaded: readonly string[] = []) {
    for (const key of loaded) this.table.load(key, 1)
    const system = new VirtualRuntime()
    const context: ProcessorContext = {
      stepId: 'flow.step',
      worker: 0,
      workers: 1,
      runtime: {
        now: () => this.wall,
        monotonic: () => this.wall,
        after: (delay, task) => system.after(delay, task),
        soon: (task) => system.soon(task),
        random: () => 0.5,
      },
      watermarked,
      wanted: () => true,
      emit: () => {},
      fail: ({ error }) => {
        throw error
      },
    }
    const { table } = this
    const counting: Processor = {
      table,
      onBatch: (keys) => {
        for (const key of keys) {
          const slot = table.slots.get(key)
          if (slot === undefined) table.add(key, 1)
          else table.states[slot] = (table.states[slot] as number) + 1
        }
      },
    }
    this.step = withTtl(counting, TTL, context)
    this.step.onLoaded?.()
  }

  reach(...keys: string[]): void {
    this.step.onBatch(keys, keys, 0)
  }

  /** Moves the wall clock as a worker does: it wakes the step when it asks for it. */
  wallTo(time: number): void {
    this.wall = time
    if ((this.step.nextTimer?.() ?? Number.POSITIVE_INFINITY) <= time) this.step.onTimer?.(time)
  }

  get keys(): string[] {
    return [...this.table.keys()].sort()
  }
}

describe('withTtl', () => {
  it('forgets a key between one ttl and one and an eighth after its last item', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(400)), { maxLength: 40 }),
        (steps) => {
          const world = new World(false)
          const reached = new Map<string, number>()
          for (const [key, wait] of steps) {
            world.wallTo(world.wall + wait)
            for (const [known, at] of reached) {
              const age = world.wall - at
              if (age < TTL) expect(world.table.peek(known)).not.to.equal(undefined)
              if (age < TTL * 1.125) continue
              expect(world.table.peek(known)).to.equal(undefined)
              reached.delete(known)
            }
            world.reach(key)
            reached.set(key, world.wall)
          }
        },
      ),
    )
  })

  it('asks for one waking a period, not one a key, and for none without keys', () => {
    const world = new World(false)
    world.reach(...Array.from({ length: 1000 }, (_, at) => `k${at}`))
    expect(world.step.nextTimer?.()).to.equal(TTL * 1.125)
    world.wallTo(TTL * 1.125)
    expect(world.table.size).to.equal(0)
    expect(world.step.nextTimer?.()).to.equal(Number.POSITIVE_INFINITY)
  })

  it('goes on in the next turn where very many keys end together', () => {
    const world = new World(false)
    world.reach(...Array.from({ length: 10_000 }, (_, at) => `k${at}`))
    world.wallTo(2 * TTL)
    expect(world.table.size).to.be.greaterThan(0)
    expect(world.step.nextTimer?.()).to.be.at.most(2 * TTL)
    world.wallTo(2 * TTL)
    world.wallTo(2 * TTL)
    expect(world.table.size).to.equal(0)
  })

  it('counts keys from a snapshot from the resume', () => {
    const world = new World(false, ['a'])
    world.wallTo(TTL - 1)
    expect(world.keys).to.deep.equal(['a'])
    world.wallTo(TTL * 1.125)
    expect(world.keys).to.deep.equal([])
  })

  it('goes by event time where the stream has watermarks, whatever the wall clock says', () => {
    const world = new World(true, ['old'])
    world.reach('a')
    world.wallTo(100 * TTL)
    expect(world.keys).to.deep.equal(['a', 'old'])
    world.step.onWatermark?.(5000)
    world.reach('b')
    world.step.onWatermark?.(5000 + TTL)
    world.reach('b')
    world.step.onWatermark?.(5000 + TTL * 1.125)
    expect(world.keys).to.deep.equal(['b'])
  })

  it('keeps what a batch reached, however far the watermark behind it has moved', () => {
    const world = new World(true, ['loaded'])
    world.step.onWatermark?.(0)
    world.reach('a')
    world.step.onWatermark?.(10 * TTL)
    expect(world.keys).to.deep.equal(['a'])
    world.reach('a')
    world.step.onWatermark?.(20 * TTL)
    world.step.onWatermark?.(20 * TTL + 1)
    expect(world.table.peek('a')).to.equal(2)
    world.step.onWatermark?.(21 * TTL)
    expect(world.keys).to.deep.equal([])
  })

  it('gives the same states at any size of batches, where no key is silent for a ttl', () => {
    const TIMES = Array.from({ length: 60 }, (_, at) => (at * TTL) / 4)
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 20 }), (sizes) => {
        const world = new World(true)
        for (let from = 0, batch = 0; from < TIMES.length; batch += 1) {
          const times = TIMES.slice(from, from + 1 + (sizes[batch] ?? 0))
          world.reach(...times.map(() => 'a'))
          world.step.onWatermark?.(times.at(-1) as number)
          from += times.length
        }
        expect(world.table.peek('a')).to.equal(TIMES.length)
      }),
    )
  })

  it('forgets nothing at the infinite watermark of an end of input', () => {
    const world = new World(true)
    world.step.onWatermark?.(1)
    world.reach('a')
    world.step.onWatermark?.(Number.POSITIVE_INFINITY)
    expect(world.keys).to.deep.equal(['a'])
  })

  it('is not misled by a wall clock that is set back', () => {
    const world = new World(false)
    world.wallTo(1000)
    world.reach('a')
    world.wallTo(0)
    world.reach('a')
    world.wallTo(1000 + TTL - 1)
    expect(world.keys).to.deep.equal(['a'])
  })
})
