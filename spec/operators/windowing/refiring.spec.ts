import { expect } from 'chai'
import { AbortExecution, dataflow } from 'tidemark'
import {
  type Clock,
  collectWindow,
  EventClock,
  keyOn,
  mapValue,
  SessionWindower,
  SlidingWindower,
  TumblingWindower,
  WatermarkClock,
  type WindowMetadata,
  type WindowOptions,
  watermarks,
} from 'tidemark/operators'
import { clusterMain, type Marker, MemoryStore, TestingSink, TestingSource } from 'tidemark/testing'
import { at, type Timed, timestamp } from './worlds.ts'

const { ABORT } = TestingSource
const tumbling = new TumblingWindower({ length: { seconds: 10 }, alignTo: 0 })
const session = new SessionWindower({ gap: { seconds: 5 } })

/** One watermark for all keys, and one for each: with one key and an item a batch they are the same. */
const clocks: readonly (readonly [name: string, clock: Clock<Timed, unknown>])[] = [
  ['WatermarkClock', new WatermarkClock({ timestamp })],
  ['EventClock', new EventClock({ timestamp, wait: 0, now: () => 0 })],
]

type Firing = Pick<WindowOptions<Timed>, 'allowedLateness' | 'late' | 'trigger'>

/** A flow of windows, its sinks, and how it comes out in all. */
class Refiring {
  readonly down = new TestingSink<readonly [string, readonly [number, unknown[]]]>()
  readonly late = new TestingSink<readonly [string, readonly [number, unknown]]>()
  readonly meta = new TestingSink<readonly [string, readonly [number, number[]]]>()
  readonly flow = dataflow('refiring')

  constructor(
    items: readonly (Timed | Marker)[],
    options: Omit<WindowOptions<Timed>, 'windower'> & Partial<WindowOptions<Timed>>,
    batchSize = 1,
  ) {
    const { down, late, meta } = this.flow
      .input('in', new TestingSource(items, { batchSize }))
      .pipe(
        watermarks('time', { timestamp }),
        keyOn('key', () => 'k'),
        collectWindow('windows', { windower: tumbling, ...options }),
      )
    const shown = ([id, all]: [number, Timed[]]): [number, unknown[]] => [
      id,
      all.map(({ is }) => is),
    ]
    const seconds = ([id, { openTime, closeTime }]: [number, WindowMetadata]): [
      number,
      number[],
    ] => [id, [openTime.toSeconds(), closeTime.toSeconds()]]
    down.pipe(mapValue('shown', shown)).output('down', this.down)
    late
      .pipe(mapValue('is', ([id, { is }]): [number, unknown] => [id, is]))
      .output('late', this.late)
    meta.pipe(mapValue('seconds', seconds)).output('meta', this.meta)
  }

  get rows(): (readonly [number, unknown[]])[] {
    return this.down.items.map(([, row]) => row)
  }

  get lates(): (readonly [number, unknown])[] {
    return this.late.items.map(([, row]) => row)
  }

  get metas(): (readonly [number, number[]])[] {
    return this.meta.items.map(([, row]) => row)
  }
}

const allowedLateness = { seconds: 20 }

describe('A window that comes out more than once', () => {
  for (const [name, clock] of clocks) {
    const outOf = async (
      items: readonly Timed[],
      firing: Firing & Partial<WindowOptions<Timed>>,
    ): Promise<Refiring> => {
      let first: Refiring | undefined
      for (const workers of [1, 2, 3]) {
        const world = new Refiring(items, { clock, ...firing })
        await clusterMain(world.flow, { workers, epochInterval: 0 })
        first ??= world
        for (const of of ['rows', 'lates', 'metas'] as const) {
          expect(world[of], `${of} of ${workers} workers`).to.deep.equal(first[of])
        }
      }
      return first as Refiring
    }

    it(`has all it holds with each late value, until it is forgotten: ${name}`, async () => {
      const items = [at(1), at(12), at(3), at(4), at(31), at(5)]
      const { rows, metas, lates } = await outOf(items, { allowedLateness })
      expect(rows).to.deep.equal([
        [0, [1]],
        [0, [1, 3]],
        [0, [1, 3, 4]],
        [1, [12]],
        [3, [31]],
      ])
      expect(metas.filter(([id]) => id === 0)).to.deep.equal(Array(3).fill([0, [0, 10]]))
      expect(lates).to.deep.equal([[0, 5]])
    })

    it(`is told from others that hold the value and are forgotten, also where their id is -1: ${name}`, async () => {
      const windower = new SlidingWindower({
        length: { seconds: 9 },
        offset: { seconds: 3 },
        alignTo: 0,
      })
      const { rows, lates } = await outOf([at(7), at(16), at(1)], { allowedLateness, windower })
      const late = { allowedLateness: { seconds: 9 }, windower }
      expect(lates).to.deep.equal([])
      expect(rows.filter(([, is]) => is.includes(1)).map(([id]) => id)).to.deep.equal([-2, -1, 0])
      const short = await outOf([at(7), at(16), at(1)], late)
      expect(short.lates).to.deep.equal([
        [-2, 1],
        [-1, 1],
      ])
      expect(short.rows.filter(([, is]) => is.includes(1))).to.deep.equal([[0, [7, 1]]])
    })

    it(`has only what is new where it discards: ${name}`, async () => {
      const items = [at(1), at(12), at(3), at(4)]
      const { rows } = await outOf(items, { allowedLateness, late: 'discard' })
      expect(rows).to.deep.equal([
        [0, [1]],
        [0, [3]],
        [0, [4]],
        [1, [12]],
      ])
    })

    it(`ends again when a late value has prolonged it: session, ${name}`, async () => {
      const items = [at(1), at(7.5), at(5), at(20)]
      const { rows, metas } = await outOf(items, { allowedLateness, windower: session })
      expect(rows).to.deep.equal([
        [0, [1]],
        [0, [1, 5, 7.5]],
        [2, [20]],
      ])
      expect(metas).to.deep.equal([
        [0, [1, 1]],
        [0, [1, 7.5]],
        [2, [20, 20]],
      ])
    })

    it(`comes out early after so many values, by time, and on each change: ${name}`, async () => {
      const items = [at(1), at(2), at(4), at(9.5), at(12)]
      const early = async (trigger: Firing['trigger'] & object): Promise<unknown> =>
        (await outOf(items, { trigger })).rows
      expect(await early({ count: 2 })).to.deep.equal([
        [0, [1, 2]],
        [0, [1, 2, 4, 9.5]],
        [0, [1, 2, 4, 9.5]],
        [1, [12]],
      ])
      expect(await early({ every: { seconds: 3 } })).to.deep.equal([
        [0, [1, 2]],
        [0, [1, 2, 4]],
        [0, [1, 2, 4, 9.5]],
        [1, [12]],
      ])
      expect(await early({ onChange: true })).to.deep.equal([
        [0, [1]],
        [0, [1, 2]],
        [0, [1, 2, 4]],
        [0, [1, 2, 4, 9.5]],
        [1, [12]],
        [0, [1, 2, 4, 9.5]],
        [1, [12]],
      ])
    })

    const items = [at(1), at(2), at(12), at(3), at(25), at(4), at(13), at(31), at(5), at(45)]
    const firings: readonly (readonly [how: string, firing: Firing])[] = [
      ['accumulating', { allowedLateness }],
      ['discarding', { allowedLateness, late: 'discard' }],
      ['by count', { allowedLateness, trigger: { count: 2 } }],
      ['by time', { allowedLateness, late: 'discard', trigger: { every: { seconds: 2 } } }],
      ['on change', { allowedLateness, trigger: { onChange: true } }],
    ]
    for (const [how, firing] of firings) {
      for (const windower of [tumbling, session]) {
        const kind = windower === session ? 'session' : 'tumbling'

        it(`goes on behind a crash as if there had been none, wherever it strikes: ${kind}, ${how}, ${name}`, async () => {
          const whole = new Refiring(items, { clock, windower, ...firing })
          await clusterMain(whole.flow, { workers: 1, epochInterval: 0 })
          for (let crash = 1; crash < items.length; crash++) {
            const interrupted = [...items.slice(0, crash), ABORT, ...items.slice(crash)]
            const world = new Refiring(interrupted, { clock, windower, ...firing })
            const recovery = new MemoryStore()
            const failure = await clusterMain(world.flow, {
              workers: 2,
              epochInterval: 0,
              recovery,
            }).catch((error: unknown) => error)
            expect(failure).to.be.instanceOf(AbortExecution)
            await clusterMain(world.flow, { workers: 1 + (crash % 3), epochInterval: 0, recovery })
            for (const of of ['rows', 'lates', 'metas'] as const) {
              expect(world[of], `${of}, crash at ${crash}`).to.deep.equal(whole[of])
            }
          }
        })
      }
    }
  }

  it('does not depend on batches where each key has its own clock', async () => {
    const items = [at(1), at(12), at(3), at(25), at(4), at(13), at(31), at(5), at(45)]
    const [, [, clock]] = clocks as [unknown, (typeof clocks)[1]]
    for (const firing of [{ allowedLateness }, { trigger: { count: 2 } }] as Firing[]) {
      const outputs = []
      for (const batchSize of [1, 2, 100]) {
        const world = new Refiring(items, { clock, ...firing }, batchSize)
        await clusterMain(world.flow)
        outputs.push([world.rows, world.lates, world.metas])
      }
      expect(outputs[1]).to.deep.equal(outputs[0])
      expect(outputs[2]).to.deep.equal(outputs[0])
    }
  })
})
