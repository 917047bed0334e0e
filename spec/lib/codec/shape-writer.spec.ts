import { expect } from 'chai'
import fc from 'fast-check'
import { encodeState } from '../../../lib/codec/msgpack.ts'
import { ShapeWriter } from '../../../lib/codec/shape-writer.ts'
import { rounds } from '../../support/effort.ts'

const NUM_RUNS = rounds({ test: 300, ci: 1000, torture: 20_000 })

const edges = [0x20, 0x80, 0x100, 0x8000, 0x10000, 2 ** 31, 2 ** 32, 2 ** 53].flatMap((edge) => [
  edge - 1,
  edge,
  -edge,
  -edge - 1,
])
const numbers = fc.oneof(
  fc.integer(),
  fc.integer({ min: -200, max: 300 }),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(...edges, 0, -0, Number.NaN, Number.POSITIVE_INFINITY, 5e-324),
)
const fields = fc.oneof(numbers, fc.boolean(), fc.constant(null))
const anything = fc.oneof(fields, fc.string(), fc.constant(undefined), fc.array(numbers), fc.date())
const names = fc.constantFrom('n', 's', 'constructor', 'toJSON', '__proto__', 'ä', 'a-b', '1', '')
const objects = fc.oneof(
  fc.dictionary(fc.oneof(names, fc.string({ maxLength: 40 })), fields, { maxKeys: 17 }),
  fc.record({ n: numbers, s: numbers }),
  fc.record({ n: anything, s: fields }),
  fc.record({ s: numbers, n: numbers }),
  fc.record({ n: numbers, s: numbers, more: fields }),
  fc.array(numbers).map((list): object => list),
  fc.date().map((date): object => date),
)

/** The bytes that a writer gives, or `null`. */
const written = (writer: ShapeWriter, state: object): readonly number[] | null => {
  const packed = writer.write(state)
  return packed === null ? null : [...packed.bytes.subarray(packed.start, packed.end)]
}

describe('ShapeWriter', () => {
  it('writes what the driver would have written, byte for byte, or leaves it to the driver', () => {
    let own = 0
    fc.assert(
      fc.property(fc.array(objects, { minLength: 1, maxLength: 12 }), (list) => {
        const writer = new ShapeWriter()
        for (const state of [...list, ...list]) {
          const bytes = written(writer, state)
          if (bytes === null) continue
          own += 1
          expect(bytes).to.deep.equal([...encodeState(state)])
        }
      }),
      { numRuns: NUM_RUNS },
    )
    expect(own).to.be.greaterThan(NUM_RUNS)
  })

  it('leaves to the driver what only looks like a shape that it knows', () => {
    const writer = new ShapeWriter()
    writer.write({ n: 1, s: 2 })
    expect(written(writer, { n: 1, s: 2 })).to.deep.equal([...encodeState({ n: 1, s: 2 })])
    class Sum {
      n = 1
      s = 2
    }
    const others: readonly object[] = [
      new Sum(),
      Object.assign(Object.create(null), { n: 1, s: 2 }),
      { s: 2, n: 1 },
      { n: 1 },
      { n: 1, s: 2, more: 3 },
      { n: 1, s: '2' },
      { n: 1, s: -0 },
      { n: 1, s: 2n },
      { n: 1, s: undefined },
      { n: 1, s: () => 2 },
    ]
    for (const other of others) expect(new Set([null, written(writer, other)])).to.have.length(1)
  })

  it('looks at few states that have no shape, and at none after them', () => {
    const writer = new ShapeWriter()
    for (let at = 0; at < 100; at++) writer.write({ text: 'x' })
    writer.write({ n: 1 })
    expect(writer.write({ n: 1 })).to.equal(null)
  })
})
