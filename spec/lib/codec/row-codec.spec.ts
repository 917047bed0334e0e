import { expect } from 'chai'
import { rowCodec, type StateCodec } from '../../../lib/codec/row-codec.ts'
import { RecoveryError } from '../../../lib/errors/errors.ts'

class Meter {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

const meters: StateCodec<Meter> = {
  encode: (meter) => Buffer.from(`m${meter.value}`),
  decode: (bytes) => new Meter(Number(Buffer.from(bytes).toString().slice(1))),
}

describe('rowCodec', () => {
  it('keeps plain states without a codec', () => {
    const codec = rowCodec<{ n: number }>()

    expect(codec.decode(codec.encode({ n: 1 }))).to.deep.equal({ n: 1 })
  })

  it('keeps class instances with a codec of their own', () => {
    const codec = rowCodec({ codec: meters })

    const back = codec.decode(codec.encode(new Meter(7)))

    expect(back).to.be.instanceOf(Meter)
    expect(back.value).to.equal(7)
  })

  it('refuses what a codec gives instead of bytes, and a promise of a migrated state', () => {
    for (const given of [
      'text',
      5,
      null,
      undefined,
      [1, 2],
      new ArrayBuffer(2),
      Promise.resolve(),
    ]) {
      const codec = rowCodec({ codec: { encode: () => given as never, decode: () => 0 } })
      expect(() => codec.encode(1), String(given)).to.throw(RecoveryError, 'Uint8Array')
    }
    const late = rowCodec({ version: 1, migrate: () => Promise.resolve(1) })
    expect(() => late.decode(rowCodec().encode(1))).to.throw(RecoveryError, 'promise')
  })

  it('packs what it encodes', () => {
    for (const codec of [rowCodec<Meter | number>({ version: 3 }), rowCodec<number | Meter>()]) {
      const { bytes, start, end } = codec.pack(5)
      expect([...bytes.slice(start, end)]).to.deep.equal([...codec.encode(5)])
    }
  })

  it('migrates what an older version kept, and is told which', () => {
    const bytes = rowCodec<number>().encode(5)
    const codec = rowCodec<{ n: number }>({
      version: 2,
      migrate: (state, from) => ({ n: Number(state) * 100 + from }),
    })

    expect(codec.decode(bytes)).to.deep.equal({ n: 500 })
    expect(codec.decode(rowCodec<number>({ version: 1 }).encode(5))).to.deep.equal({ n: 501 })
    expect(codec.decode(codec.encode({ n: 7 }))).to.deep.equal({ n: 7 })
  })

  it('takes over from the built-in codec what a codec of its own then keeps', () => {
    const bytes = rowCodec<number>().encode(5)
    const codec = rowCodec({
      codec: meters,
      version: 1,
      migrate: (state) => new Meter(Number(state)),
    })

    expect(codec.decode(bytes).value).to.equal(5)
  })

  it('refuses an older version without migrate, and any newer one', () => {
    const bytes = rowCodec<number>({ version: 2 }).encode(5)

    expect(() => rowCodec({ version: 3 }).decode(bytes)).to.throw(RecoveryError, 'has no migrate')
    expect(() => rowCodec({ version: 1 }).decode(bytes)).to.throw(RecoveryError, 'newer release')
    expect(() => rowCodec().decode(bytes)).to.throw(RecoveryError, 'newer release')
  })

  it('refuses what a codec kept that is gone, and rows that are cut short', () => {
    const bytes = rowCodec({ codec: meters }).encode(new Meter(1))

    expect(() => rowCodec().decode(bytes)).to.throw(RecoveryError, 'codec of its own')
    expect(() => rowCodec().decode(bytes.subarray(0, 3))).to.throw(RecoveryError, 'cut short')
  })
})
