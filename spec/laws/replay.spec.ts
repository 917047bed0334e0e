import { expect } from 'chai'
import fc from 'fast-check'
import { type Dataflow, dataflow, type KeyedStream } from 'tidemark'
import {
  collectWindow,
  foldWindow,
  keyOn,
  mapValue,
  order,
  SessionWindower,
  SlidingWindower,
  TumblingWindower,
  WatermarkClock,
  type Windower,
  type WindowOut,
  watermarks,
} from 'tidemark/operators'
import { simulate } from 'tidemark/testing'
import { rounds } from '../support/effort.ts'
import { PartsSource } from '../support/parts-source.ts'
import { PositionSink } from '../support/position-sink.ts'
import { BOUND, type Item, partitions, world } from '../support/recorded.ts'

const RUNS = rounds({ test: 40, ci: 300, torture: 10_000 })

const GAP = 700

const timestamp = ({ at }: Item): number => at
const clock = new WatermarkClock({ timestamp })
const tumbling = new TumblingWindower({ length: 1500, alignTo: 0 })
const sliding = new SlidingWindower({ length: 2000, offset: 500, alignTo: 250 })
const session = new SessionWindower({ gap: GAP })

type Windows = (up: KeyedStream<Item>) => WindowOut<Item, readonly number[]>

const folded =
  (windower: Windower<unknown>, ordered: boolean): Windows =>
  (up) =>
    up.pipe(
      foldWindow('windows', {
        clock,
        windower,
        ordered,
        init: (): number[] => [],
        fold: (list, { n }) => [...list, n],
        merge: (into, from) => [...into, ...from],
      }),
    )

/** The general way, by no table of our own: the clock is one that only looks like ours. */
class OwnClock extends WatermarkClock<Item> {}

const collected =
  (windower: Windower<unknown>): Windows =>
  (up) => {
    const own = new OwnClock({ timestamp })
    const { down, late, meta } = up.pipe(collectWindow('windows', { clock: own, windower }))
    const numbers = ([id, items]: [number, Item[]]): [number, number[]] => [
      id,
      items.map(({ n }) => n),
    ]
    return { down: down.pipe(mapValue('numbers', numbers)), late, meta }
  }

const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b)

/** The windows of each key, found by sorting and grouping. */
const oracle = (parts: readonly (readonly Item[])[], windower: Windower<unknown>): string[] => {
  const groups = new Map<string, number[]>()
  for (const item of parts.flat()) {
    if (windower === session) continue
    const logic = windower.build(null)
    for (const id of logic.lateFor(item.at)) {
      const name = `${item.key} ${id}`
      groups.set(name, [...(groups.get(name) ?? []), item.n])
    }
  }
  const found = [...groups].map(([name, numbers]) => `${name} ${sorted(numbers)}`)
  return (windower === session ? sessions(parts) : found).sort()
}

const sessions = (parts: readonly (readonly Item[])[]): string[] => {
  const found: string[] = []
  for (const key of ['a', 'b', 'c', 'd']) {
    const items = parts.flat().filter((item) => item.key === key)
    items.sort((a, b) => a.at - b.at)
    let open: Item[] = []
    for (const item of items) {
      const last = open.at(-1)
      if (last !== undefined && item.at - last.at > GAP) {
        found.push(`${key} ${sorted(open.map(({ n }) => n))}`)
        open = []
      }
      open.push(item)
    }
    if (open.length > 0) found.push(`${key} ${sorted(open.map(({ n }) => n))}`)
  }
  return found
}

const keyedItems = (
  parts: readonly (readonly Item[])[],
  options: { batchSize: number; slow: number; maxDrift: number | undefined },
): { flow: Dataflow; up: KeyedStream<Item> } => {
  const flow = dataflow('replay')
  const { maxDrift, ...reading } = options
  const up = flow.input('in', new PartsSource(parts, reading)).pipe(
    watermarks('time', {
      timestamp,
      outOfOrderness: BOUND,
      ...(maxDrift === undefined ? {} : { maxDrift }),
    }),
    keyOn('key', ({ key }) => key),
  )
  return { flow, up }
}

describe('Recorded input', function () {
  this.timeout(RUNS * 10_000)

  const ways: readonly (readonly [name: string, Windower<unknown>, Windows])[] = [
    ['tumbling', tumbling, folded(tumbling, true)],
    ['unordered tumbling', tumbling, folded(tumbling, false)],
    ['sliding', sliding, folded(sliding, true)],
    ['unordered sliding', sliding, folded(sliding, false)],
    ['session', session, folded(session, true)],
    ['unordered session', session, folded(session, false)],
    ['tumbling, by any clock', tumbling, collected(tumbling)],
    ['sliding, by any clock', sliding, collected(sliding)],
    ['session, by any clock', session, collected(session)],
  ]
  for (const [name, windower, windows] of ways) {
    it(`gives the same ${name} windows at any speed, skew, batch size and number of workers, through crashes, and nothing late`, async () => {
      await fc.assert(
        fc.asyncProperty(
          partitions,
          world,
          async (parts, { batchSize, slow, maxDrift, ...sim }) => {
            const { flow, up } = keyedItems(parts, { batchSize, slow, maxDrift })
            const { down, late } = windows(up)
            const [out, lates] = [new PositionSink<string>(2), new PositionSink<string>(2)]
            const byId = windower !== session
            down
              .pipe(mapValue('show', ([id, all]) => `${byId ? `${id} ` : ''}${sorted(all)}`))
              .output('out', out as never)
            late.pipe(mapValue('show late', ([id]) => String(id))).output('late', lates as never)
            const { seed, workers, epochInterval, crashes } = sim
            await simulate(flow, {
              seed,
              workers,
              epochInterval,
              faults: { crashes, within: 300, ...(seed % 5 === 0 ? { network: {} } : {}) },
            })
            expect(lates.items).to.deep.equal([])
            expect(out.items.map(String).sort()).to.deep.equal(
              oracle(parts, windower)
                .map((row) => row.slice(row.indexOf(' ') + 1))
                .sort(),
            )
          },
        ),
        { numRuns: RUNS },
      )
    })
  }

  it('comes out in order of its times, whole', async () => {
    await fc.assert(
      fc.asyncProperty(partitions, world, async (parts, { batchSize, slow, maxDrift, ...sim }) => {
        const { flow, up } = keyedItems(parts, { batchSize, slow, maxDrift })
        const seen = new PositionSink<string>(1)
        up.pipe(
          order('order', { clock }),
          mapValue('show', ({ key, at, n }) => `${key} ${at} ${n}`),
        ).output('out', seen as never)
        const { seed, workers, epochInterval, crashes } = sim
        await simulate(flow, {
          seed,
          workers,
          epochInterval,
          faults: { crashes, within: 300, ...(seed % 5 === 0 ? { network: {} } : {}) },
        })
        expect([...seen.items].sort()).to.deep.equal(
          parts
            .flat()
            .map(({ key, at, n }) => `${key} ${at} ${n}`)
            .sort(),
        )
        for (const key of ['a', 'b', 'c', 'd']) {
          const times = seen.items
            .filter((row) => row.startsWith(key))
            .map((row) => Number(row.split(' ')[1]))
          expect(times).to.deep.equal(sorted(times))
        }
      }),
      { numRuns: RUNS },
    )
  })
})
