import { expect } from 'chai'
import fc from 'fast-check'
import { ByteReader } from '../../../lib/codec/byte-reader.ts'
import { ByteWriter } from '../../../lib/codec/byte-writer.ts'
import { readColumn, writeColumn } from '../../../lib/codec/column.ts'

const writer = new ByteWriter()

const throughBytes = (values: readonly unknown[]): unknown[] => {
  writer.reset()
  writeColumn(writer, values)
  return readColumn(new ByteReader(writer.take()), values.length)
}

const scalar = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary-ascii', minLength: 10, maxLength: 40 }),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, Number.NaN, '', 'word'),
  fc.bigInt(),
)

/** Batches whose values are alike, so that they become columns, now and then with a stranger in them. */
const batch = fc
  .oneof(
    fc.array(fc.integer(), { minLength: 8 }),
    fc.array(fc.nat(300), { minLength: 8 }),
    fc.array(fc.integer({ min: -1, max: 70_000 }), { minLength: 8 }),
    fc.array(fc.integer({ min: 1.7e12, max: 1.7e12 + 2 ** 32 }), { minLength: 8 }),
    fc.array(fc.maxSafeInteger(), { minLength: 8 }),
    fc.array(fc.double(), { minLength: 8 }),
    fc.array(fc.string({ unit: 'binary' }), { minLength: 8 }),
    fc.array(fc.constantFrom('a', 'b', 'ć'), { minLength: 70 }),
    fc.array(fc.boolean(), { minLength: 8 }),
    fc.array(fc.tuple(fc.string(), fc.integer()), { minLength: 8 }),
    fc.array(
      fc.record({ id: fc.integer(), name: fc.string(), in: fc.record({ x: fc.double() }) }),
      {
        minLength: 8,
      },
    ),
    fc.array(fc.record({ a: scalar, 'not a name': scalar }, { requiredKeys: [] }), {
      minLength: 8,
    }),
    fc.array(scalar),
  )
  .chain((values) =>
    fc.option(fc.tuple(fc.nat(), scalar)).map((stranger) => {
      if (stranger === null || values.length === 0) return values as readonly unknown[]
      const changed: unknown[] = [...values]
      changed[stranger[0] % changed.length] = stranger[1]
      return changed
    }),
  )

describe('a column', () => {
  it('gives back what was put in (C1)', () => {
    fc.assert(
      fc.property(batch, (values) => {
        expect(throughBytes(values)).to.deep.equal(values)
      }),
      { numRuns: 500 },
    )
  })

  it('gives whole numbers no more bytes than their range needs', () => {
    const bytesOf = (values: readonly unknown[]): number => {
      writer.reset()
      writeColumn(writer, values)
      return writer.length
    }
    const from = (least: number): number[] => Array.from({ length: 1000 }, (_, at) => least + at)
    expect(bytesOf(from(0).map((each) => each % 256))).to.be.within(1000, 1020)
    expect(bytesOf(from(0))).to.be.within(2000, 2020)
    expect(bytesOf(from(1e6))).to.be.within(4000, 4020)
    expect(bytesOf(from(1.7e12))).to.be.within(4000, 4020)
    expect(bytesOf(from(0.5))).to.be.within(8000, 8020)
  })

  it('gives back texts of any length', () => {
    for (const length of [0, 255, 256, 65_535, 65_536]) {
      const values = Array.from({ length: 8 }, (_, at) =>
        'ab\u00e9\u0107'.charAt(at % 4).repeat(length),
      )
      expect(throughBytes(values)).to.deep.equal(values)
      const narrow = [...values, ...values].filter((text) => !text.includes('\u0107'))
      expect(throughBytes(narrow)).to.deep.equal(narrow)
    }
  })

  it('refuses any other bytes without a trace (C3)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(2000), (bytes, count) => {
        try {
          readColumn(new ByteReader(bytes), count)
        } catch (error) {
          expect(error).to.be.instanceOf(Error)
        }
        expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined)
      }),
      { numRuns: 2000 },
    )
  })

  it('notices a cut frame', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 8 }), fc.nat(), (values, cut) => {
        writer.reset()
        writeColumn(writer, values)
        const bytes = writer.take()
        const short = bytes.slice(0, cut % bytes.length)
        expect(() => readColumn(new ByteReader(short), values.length)).to.throw()
      }),
    )
  })

  it('keeps `__proto__` a key like any other', () => {
    const values = Array.from({ length: 10 }, () => JSON.parse('{"__proto__": {"polluted": 1}}'))
    const back = throughBytes(values)
    expect(Object.getPrototypeOf(back[0])).to.equal(Object.prototype)
    expect((back[0] as Record<string, unknown>)['polluted']).to.equal(undefined)
  })
})
