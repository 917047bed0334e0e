import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { encodeState } from '../../../lib/codec/msgpack.ts'
import { type Block, BlockBuilder } from '../../../lib/recovery/block.ts'
import { Horizon } from '../../../lib/recovery/horizon.ts'
import { RecoveryStore } from '../../../lib/recovery/recovery-store.ts'
import type { RecoveryPartition } from '../../../lib/recovery/store.ts'
import { Holder } from './rows.ts'

const blocks = (
  epoch: number,
  rows: Iterable<readonly [key: string, state: unknown]>,
): readonly Block[] => {
  const built: Block[] = []
  const builder = new BlockBuilder('count', epoch)
  for (const [key, state] of rows) {
    builder.add(key, state === null ? null : encodeState(state))
    if (builder.full) built.push(builder.build())
  }
  if (builder.rows > 0) built.push(builder.build())
  return built
}

const keysOf = function* (count: number, state: (key: number) => unknown) {
  for (let key = 0; key < count; key++) yield [`key-${key}`, state(key)] as const
}

describe('a store that collects', () => {
  let dir: string
  let partition: RecoveryPartition
  let holder: Holder
  let store: RecoveryStore

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tidemark-collect-'))
    store = await RecoveryStore.init(dir, 1)
    await begin()
  })

  afterEach(async () => {
    await holder.close()
    await rm(dir, { recursive: true, force: true })
  })

  const begin = async () => {
    holder = await Holder.begin(store)
    const [only] = holder.partitions
    if (only === undefined) throw new Error('a store has a partition')
    partition = only
  }

  const size = async (): Promise<number> => {
    const entries = await readdir(dir, { recursive: true, withFileTypes: true })
    const sizes = entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size)
    return (await Promise.all(sizes)).reduce((total, bytes) => total + bytes, 0)
  }

  it('stays within twice the live state over 100 epochs of the same keys', async () => {
    let live = 0
    for (let epoch = 1; epoch <= 100; epoch++) {
      const rows = blocks(
        epoch,
        keysOf(20_000, (key) => ({ n: epoch, c: key })),
      )
      live = rows.reduce((total, { bytes }) => total + bytes.length, 0)
      await partition.append(epoch + 1, rows)
      await partition.commit(epoch + 1)
    }
    await holder.close()

    expect((await size()) / live).to.be.lessThan(2)
    await begin()
    expect(holder.resumeEpoch).to.equal(101)
  })

  it('drops the rows of keys that are gone with everything they cover', async () => {
    for (let epoch = 1; epoch <= 60; epoch++) {
      const rows = function* () {
        for (let key = 0; key < 4000; key++) {
          yield [`transient-${epoch}-${key}`, { n: key }] as const
          if (epoch > 1) yield [`transient-${epoch - 1}-${key}`, null] as const
        }
      }
      await partition.append(epoch + 1, blocks(epoch, rows()))
      await partition.commit(epoch + 1)
    }
    await holder.close()
    const left = await size()
    await begin()
    const found = Object.keys(await holder.load())

    expect(found).to.have.length(4000)
    expect(found.every((key) => key.startsWith('count/transient-60-'))).to.equal(true)
    expect(left).to.be.lessThan(1_000_000)
  })

  it('gives the same state while it collects half-touched blocks, and after', async () => {
    const expected = new Map<string, number | null>()
    for (let epoch = 1; epoch <= 30; epoch++) {
      const rows = [
        ...keysOf(10_000, (key) =>
          key % 7 === epoch % 7 ? epoch : key % 11 === epoch ? null : -1,
        ),
      ].filter(([, state]) => state !== -1)
      for (const [key, state] of rows) expected.set(`count/${key}`, state as number | null)
      await partition.append(epoch + 1, blocks(epoch, rows))
      await partition.commit(epoch + 1)
    }
    await holder.close()
    await begin()

    const live = [...expected].filter(([, state]) => state !== null)
    expect(await holder.load()).to.deep.equal(Object.fromEntries(live))
  })
})

describe('Horizon', () => {
  it('is the committed epoch itself without a backup interval', () => {
    expect(new Horizon(0).commit(7, 1000)).to.equal(7)
  })

  it('keeps every epoch that was committed within the interval, and few points', () => {
    const horizon = new Horizon(1000)
    for (let now = 0; now < 100_000; now += 5) {
      const reached = horizon.commit(now, now)
      if (now <= 1000) expect(reached).to.equal(null)
      else expect(reached).to.be.within(now - 1040, now - 1005)
    }
    expect(horizon.points.length).to.be.lessThan(70)
  })

  it('never collects sooner because the clock was set back', () => {
    const horizon = new Horizon(1000)
    horizon.commit(1, 1_000_000)
    expect(horizon.commit(2, 500)).to.equal(null)
    expect(horizon.commit(3, 1400)).to.equal(null)
    expect(horizon.commit(4, 1600)).to.be.within(1, 2)
  })

  it('collects nothing with an endless interval', () => {
    const horizon = new Horizon(Number.POSITIVE_INFINITY)
    for (let epoch = 1; epoch < 1000; epoch++)
      expect(horizon.commit(epoch, epoch * 1e6)).to.equal(null)
    expect(horizon.points).to.have.length(1)
  })
})
