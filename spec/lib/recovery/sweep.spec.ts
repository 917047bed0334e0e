import { expect } from 'chai'
import fc from 'fast-check'
import { decodeState } from '../../../lib/codec/msgpack.ts'
import type { Block } from '../../../lib/recovery/block.ts'
import { readBlock } from '../../../lib/recovery/block.ts'
import { blockKey, type StoredBlock } from '../../../lib/recovery/block-key.ts'
import { newestRows } from '../../../lib/recovery/newest.ts'
import { type SweepLog, sweep } from '../../../lib/recovery/sweep.ts'
import { blockOf, type Rows } from './rows.ts'

/** A log of one step's blocks, without a disk. */
class Log implements SweepLog {
  stored: StoredBlock[] = []
  #sequence = 0
  /** After so many blocks the sweep is to give up. */
  breaths = Number.POSITIVE_INFINITY

  add(block: Block): StoredBlock {
    const place = {
      stepId: block.stepId,
      epoch: block.epoch,
      execution: 0,
      sequence: this.#sequence++,
    }
    const entry = { key: blockKey(place, block.bytes), bytes: block.bytes }
    this.stored.push(entry)
    return entry
  }

  newestFirst(below = Number.POSITIVE_INFINITY): readonly StoredBlock[] {
    return this.stored
      .filter(({ key }) => key.epoch < below)
      .sort((one, other) => Buffer.compare(other.key.raw, one.key.raw))
  }

  async *blocks(_stepId: string, horizon: number): AsyncGenerator<readonly StoredBlock[]> {
    for (const block of this.newestFirst(horizon)) yield [block]
  }

  async replace(added: readonly Block[], dropped: readonly { readonly raw: Uint8Array }[]) {
    const gone = new Set(dropped.map(({ raw }) => Buffer.from(raw).toString('hex')))
    this.stored = this.stored.filter(({ key }) => !gone.has(Buffer.from(key.raw).toString('hex')))
    return added.map((block) => this.add(block).key)
  }

  breathe(): boolean {
    return this.breaths-- > 0
  }

  async load(resumeEpoch: number): Promise<Record<string, unknown>> {
    const log = this
    const chunks = (async function* () {
      yield log.newestFirst(resumeEpoch)
    })()
    const found: Record<string, unknown> = {}
    for await (const block of newestRows(chunks, { seed: 0.5, live: () => undefined })) {
      readBlock(block, (key, state) => {
        found[key] = key in found || state === null ? 'WRONG' : decodeState(state)
      })
    }
    return found
  }

  rows(): number {
    let rows = 0
    for (const block of this.stored) readBlock({ stepId: 'step', bytes: block.bytes }, () => rows++)
    return rows
  }
}

const epochs = fc.array(
  fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.option(fc.nat(99), { freq: 3 }), {
    noNullPrototype: true,
  }),
  { minLength: 1, maxLength: 10 },
)

const logOf = (history: readonly Rows[]): Log => {
  const log = new Log()
  for (const [epoch, rows] of history.entries()) log.add(blockOf('step', epoch, rows))
  return log
}

const options = { stepId: 'step', seed: 0.5, expected: 10 }

describe('sweep', () => {
  it('changes nothing that can be loaded at or after the horizon, wherever it gives up', async () => {
    await fc.assert(
      fc.asyncProperty(
        epochs,
        fc.nat(10),
        fc.nat(12),
        fc.nat(60),
        async (history, horizon, breaths, batchBytes) => {
          const log = logOf(history)
          const resumes = Array.from({ length: history.length + 1 }, (_, epoch) => epoch).filter(
            (epoch) => epoch >= horizon,
          )
          const before = await Promise.all(resumes.map((epoch) => log.load(epoch)))
          log.breaths = breaths

          await sweep(log, { ...options, horizon, batchBytes })

          expect(await Promise.all(resumes.map((epoch) => log.load(epoch)))).to.deep.equal(before)
          log.breaths = Number.POSITIVE_INFINITY
          await sweep(log, { ...options, horizon, batchBytes })
          expect(await Promise.all(resumes.map((epoch) => log.load(epoch)))).to.deep.equal(before)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('leaves each live key once, and no row of a key that is gone, before the horizon', async () => {
    await fc.assert(
      fc.asyncProperty(epochs, fc.nat(60), async (history, batchBytes) => {
        const log = logOf(history)

        const swept = await sweep(log, { ...options, horizon: history.length, batchBytes })

        const live = Object.keys(await log.load(history.length)).length
        expect(log.rows()).to.equal(live)
        expect([swept.rows, swept.whole]).to.deep.equal([live, true])
      }),
    )
  })

  it('leaves a block where it is when all of it is live', async () => {
    const log = new Log()
    const large = log.add(blockOf('step', 1, { a: 'x'.repeat(20_000) }))
    log.add(blockOf('step', 2, { b: 1 }))

    await sweep(log, { ...options, horizon: 3 })

    expect(log.stored).to.include(large)
  })
})
