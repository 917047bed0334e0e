import { expect } from 'chai'
import fc from 'fast-check'
import { decodeState, encodeState, packState } from '../../../lib/codec/msgpack.ts'
import { StateRefusedError } from '../../../lib/codec/survey.ts'
import { RecoveryError } from '../../../lib/errors/errors.ts'

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom('\ud800', '\udfff', `${'long '.repeat(20)}\udbff`, '__proto__', 'constructor'),
)

const { state } = fc.letrec((tie) => ({
  state: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.double(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0, Number.NaN, Number.POSITIVE_INFINITY),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array(),
    fc.float64Array(),
    fc.int16Array(),
    fc.bigInt64Array(),
    fc.array(tie('state'), { maxLength: 5 }),
    fc.dictionary(text, tie('state'), { maxKeys: 5, noNullPrototype: true }),
    fc
      .array(fc.tuple(tie('state'), tie('state')), { maxLength: 5 })
      .map((entries) => new Map(entries)),
    fc.array(tie('state'), { maxLength: 5 }).map((members) => new Set(members)),
  ),
}))

/** The refusal of a value; fails where there is none. */
const refused = (value: unknown): StateRefusedError => {
  try {
    encodeState(value)
  } catch (error) {
    if (error instanceof StateRefusedError) return error
    throw error
  }
  throw new Error('it was encoded')
}

describe('encodeState', () => {
  it('comes back as it was, whatever it holds', () => {
    fc.assert(
      fc.property(state, (value) => {
        expect(decodeState(encodeState(value))).to.deep.equal(value)
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps -0, which chai tells from 0, at any depth', () => {
    const value = { n: -0, list: [0, -0], map: new Map([[1, -0]]) }

    expect(decodeState(encodeState(value))).to.deep.equal(value)
    expect(decodeState(encodeState(value))).not.to.deep.equal({
      n: 0,
      list: [0, 0],
      map: new Map([[1, 0]]),
    })
  })

  it('gives bytes of its own, and packState the same ones in a buffer that is used again', () => {
    const kept = encodeState({ n: 1 })
    for (let n = 2; n < 5000; n++) packState({ n, filler: 'x'.repeat(n % 100) })
    const { bytes, start, end } = packState({ n: 1 })

    expect([...kept]).to.deep.equal([...bytes.subarray(start, end)])
    expect(decodeState(kept)).to.deep.equal({ n: 1 })
  })

  it('keeps an own property called __proto__ as data', () => {
    const value: unknown = JSON.parse('{"a":{"__proto__":{"polluted":true}}}')

    const back = decodeState(encodeState(value)) as { readonly a: object }

    expect(Object.getPrototypeOf(back.a)).to.equal(Object.prototype)
    expect(Object.keys(back.a)).to.deep.equal(['__proto__'])
  })

  it('keeps objects without a prototype as such, in which no word is a key by itself', () => {
    const bare = (entries: object): object => Object.assign(Object.create(null), entries)
    const value = { counts: bare({ a: 1, inner: bare({}) }), list: [bare({ b: -0 })] }

    const back = decodeState(encodeState(value)) as typeof value

    expect(back).to.deep.equal(value)
    for (const each of [back.counts, back.list[0] as object]) {
      expect(Object.getPrototypeOf(each)).to.equal(null)
      expect('constructor' in each).to.equal(false)
    }
    expect(refused(bare({ call: () => 1 })).path).to.equal('state.call')
  })

  it('comes back whole from bytes that are no Buffer', () => {
    const value = { buffer: Buffer.from('b'), text: '\ud800', bytes: Uint8Array.of(1) }

    expect(decodeState(new Uint8Array(encodeState(value)))).to.deep.equal(value)
  })

  it('keeps properties that shadow the methods of objects', () => {
    const value = { constructor: 'a', toJSON: 'b', hasOwnProperty: 'c', valueOf: null }

    expect(decodeState(encodeState(value))).to.deep.equal(value)
  })

  it('refuses functions, symbols and class instances, naming where they lie', () => {
    class Meter {
      value = 1
    }
    const cases: readonly (readonly [unknown, string, string])[] = [
      [() => 1, 'state', 'a function'],
      [{ handlers: [1, 2, () => 3] }, 'state.handlers[2]', 'a function'],
      [{ 'a b': Symbol('x') }, 'state["a b"]', 'a symbol'],
      [{ meters: new Map([['m', new Meter()]]) }, 'state.meters.get(m)', 'an instance of Meter'],
      [new Set([new WeakMap()]), 'a member of state', 'an instance of WeakMap'],
      [[new Error('x')], 'state[0]', 'an instance of Error'],
      [{ when: /x/ }, 'state.when', 'an instance of RegExp'],
      [Object.create({}), 'state', 'an instance of Object'],
      [new (class extends Map {})(), 'state', 'an object with a prototype of its own'],
    ]
    for (const [value, path, found] of cases) {
      const error = refused(value)
      expect([error.path, error.found]).to.deep.equal([path, found])
      expect(error.message).to.contain('codec')
    }
  })

  it('refuses a value that contains itself', () => {
    const value: { self?: unknown } = {}
    value.self = value

    expect(refused(value).found).to.contain('inside itself')
  })
})

describe('decodeState', () => {
  it('refuses bytes that are no state, and never crashes or pollutes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        try {
          decodeState(noise)
        } catch (error) {
          expect(error).to.be.instanceOf(RecoveryError)
        }
        expect(Object.keys(Object.prototype)).to.deep.equal([])
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses lengths that reach behind the end, without allocating them', () => {
    for (const head of [0xdd, 0xdf, 0xdb, 0xc6, 0xc9]) {
      expect(() => decodeState(new Uint8Array([head, 0xff, 0xff, 0xff, 0xff, 0x74]))).to.throw(
        RecoveryError,
      )
    }
  })

  it('reads a state inside a larger buffer', () => {
    const bytes = encodeState({ n: [1, 2, 3] })
    const padded = new Uint8Array(bytes.length + 20).fill(0xc1)
    padded.set(bytes, 7)

    expect(decodeState(padded, 7, 7 + bytes.length)).to.deep.equal({ n: [1, 2, 3] })
  })
})
