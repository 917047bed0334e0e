import { expect } from 'chai'
import fc from 'fast-check'
import { ConnectorError } from 'tidemark'
import { ChangeAssembly } from '../../../connectors/postgres/change-assembly.ts'
import { lsnOf, lsnText } from '../../../connectors/postgres/lsn.ts'
import {
  type LogicalMessage,
  logicalMessage,
  replicationFrame,
  statusUpdate,
} from '../../../connectors/postgres/pgoutput.ts'

const bytes = (...parts: readonly (string | number | bigint | readonly [number, number])[]) =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(part)
      if (typeof part === 'number') return Buffer.from([part])
      const [size, value] = typeof part === 'bigint' ? [8, 0] : part
      const buffer = Buffer.alloc(size)
      if (typeof part === 'bigint') buffer.writeBigUInt64BE(part)
      else buffer.writeUIntBE(value, 0, size)
      return buffer
    }),
  )

const BEGIN = bytes('B', 100n, 0n, [4, 7])
const COMMIT = bytes('C', 0, 100n, 120n, 0n)
const RELATION = bytes(
  'R',
  [4, 9],
  'public\0',
  't\0',
  'd',
  [2, 2],
  1,
  'id\0',
  [4, 23],
  [4, 0],
  0,
  'x\0',
  [4, 25],
  [4, 0],
)
const INSERT = bytes('I', [4, 9], 'N', [2, 2], 't', [4, 1], '5', 'n')
const UPDATE = bytes(
  'U',
  [4, 9],
  'K',
  [2, 2],
  't',
  [4, 1],
  '5',
  'n',
  'N',
  [2, 2],
  't',
  [4, 1],
  '6',
  'u',
)
const DELETE = bytes('D', [4, 9], 'O', [2, 2], 't', [4, 1], '6', 't', [4, 1], 'y')
const TRUNCATE = bytes('T', [4, 1], 0, [4, 9])
const ALL = [BEGIN, RELATION, INSERT, UPDATE, DELETE, TRUNCATE, COMMIT]

const START = { lsn: 1n, index: 0 }
const asNumber = (type: number) => (text: string) => (type === 23 ? Number(text) : text)

const given = (assembly: ChangeAssembly, messages: readonly LogicalMessage[]) =>
  messages.flatMap((message) => assembly.take(message))

describe('pgoutput', () => {
  it('is made into changes with the place behind each', () => {
    const arrived = given(new ChangeAssembly(START, asNumber), ALL.map(logicalMessage))
    const at = { schema: 'public', table: 't', lsn: '0/64', commitTime: 946_684_800_000 }
    expect(arrived).to.deep.equal([
      {
        change: { op: 'insert', after: { id: 5, x: null }, ...at, index: 0 },
        place: { lsn: 100n, index: 1 },
      },
      {
        change: {
          op: 'update',
          before: { id: 5 },
          after: { id: 6 },
          unchanged: ['x'],
          ...at,
          index: 1,
        },
        place: { lsn: 100n, index: 2 },
      },
      {
        change: { op: 'delete', before: { id: 6, x: 'y' }, ...at, index: 2 },
        place: { lsn: 100n, index: 3 },
      },
      { change: { op: 'truncate', ...at, index: 3 }, place: { lsn: 100n, index: 4 } },
      { change: null, place: { lsn: 120n, index: 0 } },
    ])
  })

  it('goes on behind any place, and passes over what lies before it', () => {
    const all = given(new ChangeAssembly(START, asNumber), ALL.map(logicalMessage))
    for (const [at, { place }] of all.entries()) {
      const rest = given(new ChangeAssembly(place, asNumber), ALL.map(logicalMessage))
      expect(rest).to.deep.equal(all.slice(at + 1))
    }
  })

  it('moves to the end of the log only between two transactions', () => {
    const assembly = new ChangeAssembly(START, asNumber)
    assembly.take(logicalMessage(BEGIN))
    expect(assembly.reached(110n)).to.deep.equal([])
    assembly.take(logicalMessage(COMMIT))
    expect(assembly.reached(90n)).to.deep.equal([])
    expect(assembly.reached(130n)).to.deep.equal([{ change: null, place: { lsn: 130n, index: 0 } }])
  })

  it('is refused, and nothing else, wherever it is cut or changed', () => {
    const message = fc.constantFrom(...ALL)
    const frame = fc.constantFrom(
      ...ALL.map((each) => bytes('w', 0n, 0n, 0n, each.toString('latin1'))),
      bytes('k', 5n, 0n, 1),
    )
    const changed = (whole: fc.Arbitrary<Buffer>) =>
      fc.tuple(whole, fc.nat(200), fc.nat(255), fc.boolean()).map(([old, at, byte, cut]) => {
        const copy = Buffer.from(cut ? old.subarray(0, at) : old)
        if (!cut) copy[at % copy.length] = byte
        return copy
      })
    fc.assert(
      fc.property(changed(message), changed(frame), (one, other) => {
        const assembly = new ChangeAssembly(START, asNumber)
        given(assembly, [BEGIN, RELATION].map(logicalMessage))
        for (const read of [
          () => assembly.take(logicalMessage(one)),
          () => replicationFrame(other),
        ]) {
          try {
            read()
          } catch (error) {
            expect(error).to.be.instanceOf(ConnectorError)
          }
        }
      }),
    )
    for (const whole of ALL) {
      expect(() => logicalMessage(whole.subarray(0, -1))).to.throw(ConnectorError)
      expect(() => logicalMessage(Buffer.concat([whole, Buffer.alloc(1)]))).to.throw('too many')
    }
  })

  it('is refused where a length or a count claims what can not be there', () => {
    const hostile = [
      bytes('I', [4, 9], 'N', [2, 32_767]),
      bytes('I', [4, 9], 'N', [2, 1], 't', [4, 2_147_483_647], 'x'),
      bytes('I', [4, 9], 'N', [2, 1], 't', [4, 4_294_967_295], 'x'),
      bytes('T', [4, 2_147_483_647], 0),
      bytes('R', [4, 9], 'without an end'),
      bytes('Z'),
      Buffer.alloc(0),
    ]
    for (const each of hostile) expect(() => logicalMessage(each)).to.throw(ConnectorError)
  })

  it('is refused where a change comes before its table or its transaction', () => {
    const strays = [[INSERT], [BEGIN, INSERT], [COMMIT], [BEGIN, BEGIN]]
    for (const stray of strays) {
      const assembly = new ChangeAssembly(START, asNumber)
      expect(() => given(assembly, stray.map(logicalMessage))).to.throw(
        ConnectorError,
        'Postgres sent',
      )
    }
    const narrow = bytes('I', [4, 9], 'N', [2, 1], 'n')
    const assembly = new ChangeAssembly(START, asNumber)
    expect(() => given(assembly, [BEGIN, RELATION, narrow].map(logicalMessage))).to.throw(
      'a row of 1 columns for table "t" of 2',
    )
  })

  it('names places as Postgres does', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => {
        expect(lsnOf(lsnText(lsn))).to.equal(lsn)
      }),
    )
    expect(lsnText(0x16_b374d848n)).to.equal('16/B374D848')
    for (const wrong of ['', '1', 'x/1', '1/123456789', null, 5]) {
      expect(() => lsnOf(wrong)).to.throw(ConnectorError)
    }
  })

  it('tells the server what was received and what is durable', () => {
    const status = statusUpdate({
      received: 7n,
      confirmed: 5n,
      now: 946_684_801_000,
      wantsReply: true,
    })
    expect(status.toString('hex')).to.equal(
      `72${'0'.repeat(15)}7${'0'.repeat(15)}5${'0'.repeat(15)}5${(1_000_000).toString(16).padStart(16, '0')}01`,
    )
  })
})
