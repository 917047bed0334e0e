import { expect } from 'chai'
import fc from 'fast-check'
import { crc32c } from '../../../connectors/kafka/crc32c.ts'
import { lz4, unlz4 } from '../../../connectors/kafka/lz4.ts'
import type { KafkaRecord } from '../../../connectors/kafka/message.ts'
import { murmur2 } from '../../../connectors/kafka/partitioner.ts'
import {
  encodeBatch,
  type RawBatch,
  recordsOf,
  splitBatches,
  UnreadableBatch,
} from '../../../connectors/kafka/record-batch.ts'
import { snappy, unsnappy } from '../../../connectors/kafka/snappy.ts'
import { rounds } from '../../support/effort.ts'

const bytes = fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each))
const runs = { numRuns: rounds({ test: 100, ci: 300, torture: 5000 }) }

const records: fc.Arbitrary<KafkaRecord[]> = fc.array(
  fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    timestamp: fc.nat({ max: 2 ** 31 }).map((each) => each * 1000),
    headers: fc.array(fc.tuple(fc.string(), bytes), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 20 },
)

const PRODUCER = { id: 3n, epoch: 1, sequence: 5, transactional: true }

/** What can be packed: noise, and what repeats itself. */
const packable = fc.oneof(
  fc.uint8Array({ maxLength: 70_000 }).map((each) => Buffer.from(each)),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.integer({ min: 1, max: 5000 }))
    .map(([each, times]) => Buffer.concat(Array.from({ length: times }, () => Buffer.from(each)))),
)

describe('a batch of records', () => {
  it('comes back as it was written, however it is packed', () => {
    fc.assert(
      fc.property(
        records,
        fc.constantFrom('none', 'gzip', 'snappy', 'lz4'),
        (list, compression) => {
          const seen: RawBatch[] = []
          splitBatches(encodeBatch(list, { producer: PRODUCER, compression }), seen)
          const back = seen.flatMap((batch) => recordsOf(batch))
          expect(back).to.deep.equal(list.map((each, at) => ({ ...each, offset: BigInt(at) })))
        },
      ),
      runs,
    )
  })

  it('that is spoilt anywhere is either cut off or told', () => {
    const batch = encodeBatch([{ key: null, value: Buffer.from('x'), timestamp: 1, headers: [] }], {
      producer: PRODUCER,
      compression: 'none',
    })
    fc.assert(
      fc.property(fc.nat({ max: batch.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, by) => {
        // Offset and leader's epoch are the broker's to write; the checksum does not cover them.
        fc.pre(at >= 16 || (at >= 8 && at < 12))
        const spoilt = Buffer.from(batch)
        spoilt[at] = (spoilt[at] ?? 0) ^ by
        const seen: RawBatch[] = []
        try {
          splitBatches(spoilt, seen)
          expect(seen).to.deep.equal([])
        } catch (error) {
          expect(error).to.be.instanceOf(UnreadableBatch)
        }
      }),
      runs,
    )
  })
})

describe('packing', () => {
  it('loses nothing', () => {
    fc.assert(
      fc.property(packable, (input) => {
        expect(unsnappy(snappy(input), input.length).equals(input)).to.equal(true)
        expect(unlz4(lz4(input), input.length).equals(input)).to.equal(true)
      }),
      runs,
    )
  })

  it('of hostile bytes ends in an error, and never in more than is allowed', () => {
    fc.assert(
      fc.property(bytes, (noise) => {
        const frame = Buffer.concat([Buffer.from('04224d18604082', 'hex'), noise])
        for (const unpack of [() => unsnappy(noise, 1000), () => unlz4(frame, 1000)]) {
          try {
            expect(unpack().length).to.be.at.most(1000)
          } catch (error) {
            expect(error).to.be.instanceOf(RangeError)
          }
        }
      }),
      runs,
    )
    const bomb = snappy(Buffer.alloc(100_000))
    expect(() => unsnappy(bomb, 1000)).to.throw(RangeError, 'more than')
    expect(() => unlz4(lz4(Buffer.alloc(100_000)), 1000)).to.throw(RangeError, 'more than')
  })
})

describe('checksum and hash', () => {
  it('are those of the published vectors', () => {
    // RFC 3720, appendix B.4; then Kafka's own, of its class Utils.
    expect(crc32c(Buffer.alloc(32))).to.equal(0x8a9136aa)
    expect(crc32c(Buffer.alloc(32, 0xff))).to.equal(0x62a8ab43)
    const hashes = { '21': -973_932_308, foobar: -790_332_482, abc: 479_470_107 }
    for (const [text, hash] of Object.entries(hashes)) {
      expect(murmur2(Buffer.from(text)), text).to.equal(hash)
    }
  })
})
