import { cp, mkdtemp, open, readdir, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { RecoveryError } from '../../../lib/errors/errors.ts'
import { RecoveryStore } from '../../../lib/recovery/recovery-store.ts'
import { rounds as roundsOf } from '../../support/effort.ts'
import { Holder } from './rows.ts'

/** Numbers that are the same in every run, so that a failure can be looked at again. */
const numbers = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

type Damage = (path: string, random: () => number) => Promise<void>

const damages: Readonly<Record<string, Damage>> = {
  'is cut short': async (path, random) => {
    const { size } = await stat(path)
    await truncate(path, Math.floor(random() * size))
  },
  'has two bits flipped': async (path, random) => {
    const { size } = await stat(path)
    const file = await open(path, 'r+')
    const byte = Buffer.alloc(1)
    for (let flip = 0; flip < 2 && size > 0; flip++) {
      const at = Math.floor(random() * size)
      await file.read(byte, 0, 1, at)
      byte[0] = (byte[0] ?? 0) ^ (1 << Math.floor(random() * 8))
      await file.write(byte, 0, 1, at)
    }
    await file.close()
  },
  'ends in zeros': async (path, random) => {
    const { size } = await stat(path)
    const length = Math.min(size, Math.ceil(random() * 4096))
    const file = await open(path, 'r+')
    await file.write(Buffer.alloc(length), 0, length, size - length)
    await file.close()
  },
  'is gone': (path) => rm(path),
}

/** Files that LevelDB keeps for itself: without them nothing is lost. */
const HARMLESS = /\/(LOCK|LOG|LOG\.old)$/

/** Of each kind and file. */
const ROUNDS = roundsOf({ test: 3, ci: 6, torture: 40 })

describe('a damaged store @long', function () {
  this.timeout(120_000 * ROUNDS)
  let mutations = 0
  let dir: string
  let pristine: string
  let files: readonly string[]
  let state: Record<string, unknown>

  /** Two executions, three partitions, collected rows, tables and logs that hold blocks. */
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tidemark-damage-'))
    pristine = join(dir, 'pristine')
    const store = await RecoveryStore.init(pristine, 3)
    for (const run of [0, 1, 2]) {
      const holder = await Holder.begin(store)
      for (let epoch = holder.resumeEpoch; epoch < holder.resumeEpoch + 5; epoch++) {
        await holder.append(epoch, {
          count: Object.fromEntries(
            Array.from({ length: 300 }, (_, key) => [
              `key-${key + run * 50}`,
              { n: epoch * 7, key },
            ]),
          ),
          'source.part': { [`file-${run}`]: epoch },
        })
        await holder.commit(epoch + 1)
      }
      await holder.close()
    }
    const holder = await Holder.open(store)
    state = await holder.load()
    await holder.close()
    files = (await readdir(pristine, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(pristine.length))
      .sort()
  })

  after(() => rm(dir, { recursive: true, force: true }))

  /** What a run finds: the error it ends with, or the state it would go on from. */
  const found = async (copy: string): Promise<unknown> => {
    try {
      const store = await RecoveryStore.openOrInit({ dir: copy }, () => {
        throw new Error('a store was made anew')
      })
      const holder = await Holder.open(store)
      try {
        return { resumeEpoch: holder.resumeEpoch, state: await holder.load() }
      } finally {
        await holder.close()
      }
    } catch (error) {
      return error
    }
  }

  for (const [what, damage] of Object.entries(damages)) {
    it(`is told, or nothing is lost, when a file of it ${what}`, async () => {
      const random = numbers(what.length)
      const rounds = what === 'is gone' ? 1 : ROUNDS
      let told = 0
      for (const name of files) {
        for (let round = 0; round < rounds; round++) {
          const copy = join(dir, 'copy')
          await cp(pristine, copy, { recursive: true })
          await damage(join(copy, name), random)
          mutations += 1

          const outcome = await found(copy)

          if (outcome instanceof Error) {
            expect(outcome, `${name} ${what}: ${outcome.stack}`).to.be.instanceOf(RecoveryError)
            expect(outcome.message, name).to.match(/[Rr]estore|newer release|[Pp]ut/)
            expect(HARMLESS.test(name), `${name} ${what}, which loses nothing`).to.equal(false)
            told++
          } else {
            expect(outcome, `${name} ${what}`).to.deep.equal({ resumeEpoch: 16, state })
          }
          await rm(copy, { recursive: true })
        }
      }
      expect(told).to.be.greaterThan(10)
    })
  }

  it('has been damaged in hundreds of ways: 300 where there is time', () => {
    expect(mutations).to.be.at.least(roundsOf({ test: 200, ci: 300, torture: 300 }))
  })

  it('is told when the database of a partition is one from before', async () => {
    const copy = join(dir, 'copy')
    const store = await RecoveryStore.init(copy, 1)
    await cp(join(copy, 'part-0', 'db'), join(dir, 'young'), { recursive: true })
    const holder = await Holder.begin(store)
    await holder.append(1, { count: { a: 1 } })
    await holder.commit(2)
    await holder.close()
    await rm(join(copy, 'part-0', 'db'), { recursive: true })
    await cp(join(dir, 'young'), join(copy, 'part-0', 'db'), { recursive: true })

    const outcome = await found(copy)

    expect(String(outcome)).to.contain('had committed everything before epoch 2')
    await rm(copy, { recursive: true })
  })
})
