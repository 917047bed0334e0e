import fc from 'fast-check'

export interface World {
  readonly seed: number
  readonly batchSize: number
  readonly slow: number
  readonly workers: number[]
  readonly epochInterval: number
  readonly crashes: number
  readonly maxDrift: number | undefined
}

/** How far behind the latest of its partition an item may come. */
export const BOUND: number = 1000

/** A value with its event time; `n` tells it from all others. */
export interface Item {
  readonly key: string
  readonly at: number
  readonly n: number
}

/** Items of one partition as they arrive: out of order within the bound, anywhere in time. */
const partition: fc.Arbitrary<{ key: string; at: number }[]> = fc
  .record({
    from: fc.oneof(
      fc.integer({ min: -BOUND, max: BOUND }),
      fc.integer({ min: -20_000, max: 20_000 }),
    ),
    steps: fc.array(
      fc.record({
        key: fc.constantFrom('a', 'b', 'c', 'd'),
        after: fc.integer({ min: 0, max: 900 }),
        delay: fc.integer({ min: 0, max: BOUND }),
      }),
      { maxLength: 40 },
    ),
  })
  .map(({ from, steps }) => {
    let at = from
    const items = steps.map(({ key, after, delay }) => {
      at += after
      return { item: { key, at }, arrival: at + delay }
    })
    return items.sort((a, b) => a.arrival - b.arrival).map(({ item }) => item)
  })

/** What the partitions of a source give. */
export const partitions: fc.Arbitrary<Item[][]> = fc
  .array(partition, { minLength: 1, maxLength: 3 })
  .map((parts): Item[][] => {
    let n = 0
    return parts.map((items) => items.map((item) => ({ ...item, n: n++ })))
  })

/** How a recorded input is read: at what speed, by how many, through which crashes. */
export const world: fc.Arbitrary<World> = fc.record({
  seed: fc.nat(),
  batchSize: fc.constantFrom(1, 2, 5, 1000),
  slow: fc.constantFrom(0, 50),
  workers: fc.array(fc.constantFrom(1, 2, 4), { minLength: 1, maxLength: 3 }),
  epochInterval: fc.constantFrom(0, 5, 1000),
  crashes: fc.integer({ min: 0, max: 2 }),
  maxDrift: fc.constantFrom(undefined, 2000),
})
