import { expect } from 'chai'
import fc from 'fast-check'
import { decodeState, encodeState } from '../../../lib/codec/msgpack.ts'
import { MISS, ShapeReader } from '../../../lib/codec/shape-reader.ts'
import { rounds } from '../../support/effort.ts'

const NUM_RUNS = rounds({ test: 300, ci: 1000, torture: 20_000 })

const numbers = fc.oneof(
  fc.integer(),
  fc.integer({ min: -200, max: 300 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32),
)
const fields = fc.oneof(numbers, fc.boolean(), fc.constant(null))
const names = fc.constantFrom('n', 's', 'constructor', 'class', '__proto__', 'ä', 'a-b', '1', '')
const objects = fc.dictionary(fc.oneof(names, fc.string({ maxLength: 40 })), fields, {
  maxKeys: 17,
  noNullPrototype: true,
})
const states = fc.oneof(
  fields,
  fc.array(fields, { maxLength: 18 }),
  objects,
  fc.record({ n: numbers, s: numbers }),
  fc.record({ n: fc.oneof(numbers, fc.string(), fc.array(numbers)) }),
  fc.record({ s: numbers, n: numbers }),
)

const read = (reader: ShapeReader, bytes: Uint8Array): unknown =>
  reader.read(bytes, 0, bytes.length)

describe('ShapeReader', () => {
  it('reads what the driver would have read, or says that it missed', () => {
    fc.assert(
      fc.property(fc.array(states, { minLength: 1, maxLength: 12 }), (list) => {
        const reader = new ShapeReader()
        for (const state of [...list, ...list]) {
          const bytes = encodeState(state)
          const got = read(reader, bytes)
          const expected = decodeState(bytes)
          if (got === MISS) reader.learn(expected)
          else {
            expect(got).to.deep.equal(expected)
            if (typeof got === 'object' && got !== null) {
              expect(Object.keys(got)).to.deep.equal(Object.keys(expected as object))
            }
          }
        }
      }),
      { numRuns: NUM_RUNS },
    )
  })

  it('never reads a state out of bytes that the driver refuses', () => {
    fc.assert(
      fc.property(
        fc.record({ n: numbers, s: numbers }),
        fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.nat(3) }),
        (state, { at, byte, cut }) => {
          const reader = new ShapeReader()
          reader.learn({ n: 1, s: 2 })
          const bytes = encodeState(state).slice()
          bytes[at % bytes.length] = byte
          const torn = bytes.subarray(0, bytes.length - cut)
          const got = torn.length === 0 ? MISS : read(reader, torn)
          if (got !== MISS) expect(got).to.deep.equal(decodeState(torn))
        },
      ),
      { numRuns: NUM_RUNS },
    )
  })

  it('reads an object like one before it without the driver, wherever in the bytes it lies', () => {
    const reader = new ShapeReader()
    const bytes = Buffer.concat([
      Buffer.of(1, 2),
      encodeState({ n: 70_000, s: -1.5, on: true, at: null }),
      Buffer.of(3),
    ])
    const end = bytes.length - 1

    expect(reader.read(bytes, 2, end)).to.equal(MISS)
    reader.learn({ n: 1, s: 2, on: false, at: null })
    expect(reader.read(bytes, 2, end)).to.deep.equal({ n: 70_000, s: -1.5, on: true, at: null })
    expect(reader.read(bytes, 2, end - 1)).to.equal(MISS)
  })

  it('learns a few shapes and leaves those after them to the driver', () => {
    const reader = new ShapeReader()
    for (const name of ['a', 'b', 'c', 'd', 'e']) reader.learn({ [name]: 1 })

    expect(read(reader, encodeState({ d: 5 }))).to.deep.equal({ d: 5 })
    expect(read(reader, encodeState({ e: 5 }))).to.equal(MISS)
  })

  it('makes no code of what is no name, and keeps prototypes out', () => {
    const reader = new ShapeReader()
    const hostile = ['a:(()=>{throw 1})(),b', '__proto__', 'ä', '1', 'x'.repeat(32)]
    for (const name of hostile) {
      const state = Object.fromEntries([[name, 1]])
      reader.learn(state)
      expect(read(reader, encodeState(state)), name).to.equal(MISS)
    }
  })
})
