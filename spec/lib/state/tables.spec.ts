import { expect } from 'chai'
import fc from 'fast-check'
import { Entry } from '../../../lib/state/entry.ts'
import { KeyTable } from '../../../lib/state/key-table.ts'
import type { RowWriter, StateTable } from '../../../lib/state/state-table.ts'
import { ValueTable } from '../../../lib/state/value-table.ts'

class Counter extends Entry {
  count: number

  constructor(count: number) {
    super()
    this.count = count
  }
}

/** A table of counters, whichever way they are kept. */
interface World {
  readonly table: StateTable
  add(key: string, count: number): void
  raise(key: string): void
}

const objects = (): World => {
  const table = new KeyTable<Counter>({
    make: (_key, resume) => new Counter((resume as number | null) ?? 0),
    snapshot: (entry) => entry.count,
  })
  return {
    table,
    add: (key, count) => {
      table.add(key).count = count
    },
    raise: (key) => {
      const entry = table.get(key) as Counter
      table.touch(entry)
      entry.count += 1
    },
  }
}

/** States that are changed in place, so that a row written late would show a later state. */
const values = (): World => {
  const table = new ValueTable<{ count: number }>()
  return {
    table,
    add: (key, count) => table.add(key, { count }),
    raise: (key) => {
      const slot = table.slots.get(key) as number
      table.touch(slot)
      ;(table.states[slot] as { count: number }).count += 1
    },
  }
}

const numberOf = (state: unknown): number =>
  typeof state === 'number' ? state : (state as { count: number }).count

/** Every row as it was when it was written; `null` is a tombstone. */
class Rows implements RowWriter {
  readonly all: [epoch: number, key: string, count: number | null][] = []

  row(epoch: number, key: string, state: unknown): void {
    this.all.push([epoch, key, numberOf(state)])
  }

  tombstone(epoch: number, key: string): void {
    this.all.push([epoch, key, null])
  }

  take(): [number, string, number | null][] {
    return this.all.splice(0)
  }
}

const recorded = (make: () => World): World & { readonly rows: Rows } => {
  const rows = new Rows()
  const world = make()
  world.table.record(1, rows)
  return { ...world, rows }
}

for (const [name, make] of [
  ['KeyTable', objects],
  ['ValueTable', values],
] as const) {
  describe(name, () => {
    it('owes nothing without a writer (T3)', () => {
      const { table, add, raise } = make()
      add('a', 1)
      raise('a')
      table.closeEpoch(2)
      expect(table.owes).to.equal(Number.POSITIVE_INFINITY)
      expect(table.settle(10)).to.equal(true)
    })

    it('writes a key once for an epoch, however often it changed', () => {
      const { table, add, raise, rows } = recorded(make)
      add('a', 1)
      raise('a')
      raise('a')
      table.closeEpoch(2)
      expect(table.settle(10)).to.equal(true)
      expect(rows.take()).to.deep.equal([[1, 'a', 3]])
      table.closeEpoch(3)
      table.settle(10)
      expect(rows.take()).to.deep.equal([])
    })

    it('writes an owed row before a later epoch changes the key (E2)', () => {
      const { table, add, raise, rows } = recorded(make)
      add('a', 1)
      table.closeEpoch(2)
      raise('a')
      expect(rows.take()).to.deep.equal([[1, 'a', 1]])
      table.closeEpoch(3)
      table.settle(10)
      expect(rows.take()).to.deep.equal([[2, 'a', 2]])
    })

    it('writes as many rows as it may and says which epoch still owes some', () => {
      const { table, add, rows } = recorded(make)
      for (const key of ['a', 'b', 'c']) add(key, 1)
      table.closeEpoch(2)
      expect(table.settle(2)).to.equal(false)
      expect(table.owes).to.equal(1)
      expect(rows.take()).to.have.length(2)
      expect(table.settle(1)).to.equal(true)
      expect(table.owes).to.equal(Number.POSITIVE_INFINITY)
    })

    it('writes a tombstone for a key that is forgotten (E3)', () => {
      const { table, add, rows } = recorded(make)
      add('a', 1)
      table.closeEpoch(2)
      table.settle(10)
      rows.take()
      table.forget('a')
      table.closeEpoch(3)
      table.settle(10)
      expect(rows.take()).to.deep.equal([[2, 'a', null]])
      expect(table.peek('a')).to.equal(undefined)
    })

    it('takes the tombstone back when the key is made anew in the same epoch', () => {
      const { table, add, rows } = recorded(make)
      add('a', 1)
      table.forget('a')
      add('a', 7)
      table.closeEpoch(2)
      table.settle(10)
      expect(rows.take()).to.deep.equal([[1, 'a', 7]])
    })

    it('owes both where a key goes in one epoch and comes back in the next', () => {
      const { table, add, rows } = recorded(make)
      add('a', 1)
      table.forget('a')
      table.closeEpoch(2)
      add('a', 7)
      table.closeEpoch(3)
      table.settle(10)
      expect(rows.take()).to.deep.equal([
        [1, 'a', null],
        [2, 'a', 7],
      ])
    })

    it('owes nothing for what was loaded', () => {
      const rows = new Rows()
      const { table } = make()
      table.load('a', name === 'KeyTable' ? 4 : { count: 4 })
      table.record(5, rows)
      table.closeEpoch(6)
      table.settle(10)
      expect(rows.take()).to.deep.equal([])
      expect(numberOf(table.peek('a'))).to.equal(4)
    })

    it('knows the period in which an item last reached a key', () => {
      const { table, add } = make()
      add('a', 1)
      expect(table.seen('a')).to.equal(0)
      expect(table.see('a', 3)).to.equal(true)
      expect(table.see('a', 3)).to.equal(false)
      expect(table.seen('a')).to.equal(3)
      table.forget('a')
      add('b', 1)
      expect(table.seen('b')).to.equal(0)
      expect(table.see('c', 4)).to.equal(false)
    })

    it('gives, epoch by epoch, what a table that copies everything gives', () => {
      const key = fc.constantFrom('a', 'b', 'c', 'd')
      const step = fc.oneof(
        fc.record({ do: fc.constant('change' as const), key }),
        fc.record({ do: fc.constant('forget' as const), key }),
        fc.record({ do: fc.constant('close' as const) }),
        fc.record({ do: fc.constant('settle' as const), limit: fc.integer({ min: 1, max: 3 }) }),
      )
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
          const { table, add, raise, rows } = recorded(make)
          const model = new Map<string, number>()
          const images = new Map<number, Map<string, number>>()
          let epoch = 1
          const close = (): void => {
            images.set(epoch, new Map(model))
            epoch += 1
            table.closeEpoch(epoch)
          }
          for (const each of steps) {
            if (each.do === 'close') close()
            else if (each.do === 'settle') table.settle(each.limit)
            else if (each.do === 'forget') {
              model.delete(each.key)
              table.forget(each.key)
            } else {
              const known = model.get(each.key)
              model.set(each.key, (known ?? 0) + 1)
              if (known === undefined) add(each.key, 1)
              else raise(each.key)
            }
          }
          close()
          expect(table.settle(Number.POSITIVE_INFINITY)).to.equal(true)
          for (const [at, image] of images) {
            expect([...resumedAt(at, rows.all)]).to.deep.equal([...image].sort())
          }
        }),
      )
    })
  })
}

/** What a resume at the end of an epoch finds: the newest row of each key until then. */
const resumedAt = (epoch: number, rows: Rows['all']): Map<string, number> => {
  const newest = new Map<string, [number, number | null]>()
  for (const [at, key, count] of rows) {
    const known = newest.get(key)
    if (at > epoch || (known !== undefined && known[0] > at)) continue
    if (known?.[0] === at) throw new Error(`two rows for ${key} in epoch ${at}`)
    newest.set(key, [at, count])
  }
  const image = new Map<string, number>()
  for (const key of ['a', 'b', 'c', 'd']) {
    const count = newest.get(key)?.[1] ?? null
    if (count !== null) image.set(key, count)
  }
  return new Map([...image].sort())
}
