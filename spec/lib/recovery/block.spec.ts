import { expect } from 'chai'
import fc from 'fast-check'
import { CorruptPartitionError } from '../../../lib/errors/errors.ts'
import { type Block, BlockBuilder, BlockCursor, readBlock } from '../../../lib/recovery/block.ts'

const anyKey = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), loneSurrogates())
const anyRow = fc.tuple(anyKey, fc.option(fc.uint8Array({ maxLength: 200 })))

function loneSurrogates(): fc.Arbitrary<string> {
  return fc.constantFrom('\ud800', '\ud801', 'a\udfff', '\udc00\ud800')
}

type Row = readonly [key: string, state: readonly number[] | null]

const packed = (rows: readonly (readonly [string, Uint8Array | null])[]): Block => {
  const builder = new BlockBuilder('step', 1)
  for (const [key, state] of rows) builder.add(key, state)
  return builder.build()
}

const read = (block: Block): Row[] => {
  const rows: Row[] = []
  readBlock(block, (key, state) => rows.push([key, state === null ? null : [...state]]))
  return rows
}

const plain = (rows: readonly (readonly [string, Uint8Array | null])[]): Row[] =>
  rows.map(([key, state]) => [key, state === null ? null : [...state]])

describe('Block', () => {
  it('gives back every key and state as it was, in order', () => {
    fc.assert(
      fc.property(fc.array(anyRow), (rows) => {
        expect(read(packed(rows))).to.deep.equal(plain(rows))
      }),
    )
  })

  it('copies rows into another block without decoding them (B2)', () => {
    fc.assert(
      fc.property(fc.array(anyRow), (rows) => {
        const builder = new BlockBuilder('step', 2)
        const cursor = new BlockCursor(packed(rows))
        while (cursor.next()) builder.copyRow(cursor)

        expect(read(builder.build())).to.deep.equal(plain(rows))
      }),
    )
  })

  it('has one encoding for one key, and another for another (B3)', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (one, other) => {
        const cursors = [one, other].map((key) => new BlockCursor(packed([[key, null]])))
        const [first, second] = cursors.map((cursor) => {
          cursor.next()
          return cursor.bytes.subarray(cursor.rowStart, cursor.keyEnd).toString('hex')
        })
        expect(first === second).to.equal(one === other)
      }),
    )
  })

  it('is refused with any single bit flipped', () => {
    const block = packed([
      ['a', new Uint8Array([1, 2, 3])],
      ['ключ', null],
    ])
    for (let bit = 0; bit < block.bytes.length * 8; bit++) {
      const bytes = block.bytes.slice()
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => read({ ...block, bytes }), `bit ${bit}`).to.throw(CorruptPartitionError)
    }
  })

  it('is refused when cut short anywhere, and when it is no block at all', () => {
    const { bytes } = packed([['a', new Uint8Array(40)]])
    for (let length = 0; length < bytes.length; length++) {
      expect(() => read({ ...packed([]), bytes: bytes.subarray(0, length) })).to.throw(
        CorruptPartitionError,
      )
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
        expect(() => read({ ...packed([]), bytes: noise })).to.throw(CorruptPartitionError)
      }),
    )
  })

  it('is full at 64 KiB or 1024 rows, and takes a larger row whole', () => {
    const byRows = new BlockBuilder('step', 1)
    for (let row = 0; row < 1024; row++) {
      expect(byRows.full).to.equal(false)
      byRows.add(`${row}`, null)
    }
    expect(byRows.full).to.equal(true)

    const large = new BlockBuilder('step', 1)
    large.add('a', new Uint8Array(1_000_000).fill(7))
    expect(large.full).to.equal(true)
    expect(read(large.build())[0]?.[1]).to.have.length(1_000_000)
    expect(large.rows).to.equal(0)
  })
})
