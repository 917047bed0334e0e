import { expect } from 'chai'
import fc from 'fast-check'
import type { Hello, Plan } from '../../cluster/control.ts'
import { encodeControl, lastOf, readHello, readPlan } from '../../cluster/control.ts'
import { firstWorkers, formation, shareOfWorker } from '../../cluster/formation.ts'

const hello = (process: number, more: Partial<Hello> = {}): Hello => ({
  process,
  count: 3,
  incarnation: `life-${process}`,
  workers: 1 + process,
  hash: 'hash',
  version: '1.0.0',
  stores: [`store-${process}`],
  run: null,
  last: null,
  hears: [],
  seen: 0,
  busy: 0,
  done: 0,
  leads: false,
  leaving: false,
  ...more,
})

const plan = (hellos: readonly Hello[]): Plan => ({
  execution: 7,
  token: '00'.repeat(16),
  run: 'run',
  hash: 'hash',
  members: hellos.map(({ process, incarnation, workers, stores }) => ({
    process,
    incarnation,
    workers,
    stores,
  })),
})

describe('formation', () => {
  const all = [hello(2), hello(0), hello(1)]
  const first = { count: 3, last: null, patient: true }

  it('begins when all are there, in the order of their numbers (F1)', () => {
    const found = formation({ ...first, present: all })
    expect(found.kind === 'form' && found.members.map(({ process }) => process)).to.deep.equal([
      0, 1, 2,
    ])
  })

  it('waits for whoever is missing at first, and names them', () => {
    const found = formation({ ...first, present: [hello(1)] })
    expect(found).to.deep.equal({ kind: 'wait', why: 'waiting for processes 0, 2 of 3' })
  })

  it('waits for those that are still in an older execution (F1)', () => {
    const found = formation({ ...first, present: [hello(0), hello(1), hello(2, { busy: 6 })] })
    expect(found).to.deep.equal({ kind: 'wait', why: null })
  })

  it('never goes on without a store that only the missing one can read (F2)', () => {
    const found = formation({ ...first, present: [hello(0), hello(2)], last: plan(all) })
    expect(found.kind === 'wait' && found.why).to.match(/process 1 of 3: the recovery partitions/)
  })

  it('goes on without a process whose store is shared, once it had its time (F2)', () => {
    const shared = { stores: ['one'] }
    const present = [hello(0, shared), hello(2, shared)]
    const facts = { count: 3, present, last: plan([...present, hello(1, shared)]) }
    expect(formation({ ...facts, patient: false })).to.deep.equal({
      kind: 'wait',
      why: 'waiting for process 1 of 3; the flow goes on without it, if it stays away',
    })
    expect(formation({ ...facts, patient: true }).kind).to.equal('form')
  })
})

describe('shareOfWorker', () => {
  it('gives every part of every store to one worker that can read it', () => {
    const place = fc.record({ workers: fc.integer({ min: 1, max: 4 }), store: fc.nat({ max: 2 }) })
    fc.assert(
      fc.property(fc.array(place, { minLength: 1, maxLength: 5 }), (places) => {
        const { members } = plan(
          places.map(({ workers, store }, at) => hello(at, { workers, stores: [`s${store}`] })),
        )
        const firsts = firstWorkers(members)
        const shares = new Map<string, string[]>()
        members.forEach(({ workers, stores }, at) => {
          for (let n = 0; n < workers; n++) {
            const { index, of } = shareOfWorker(members, (firsts[at] ?? 0) + n)
            const store = String(stores?.[0])
            shares.set(store, [...(shares.get(store) ?? []), `${index}/${of}`])
          }
        })
        for (const found of shares.values()) {
          const expected = found.map((_, index) => `${index}/${found.length}`)
          expect(found.sort()).to.deep.equal(expected.sort())
        }
      }),
    )
  })
})

describe('control messages', () => {
  it('come out as they went in', () => {
    expect(readHello(encodeControl(hello(1)))).to.deep.equal(hello(1))
    const worked = hello(1, { last: lastOf(plan([hello(0)])), hears: [0, 2] })
    expect(readHello(encodeControl(worked))).to.deep.equal(worked)
    expect(readPlan(encodeControl(plan([hello(0)])))).to.deep.equal(plan([hello(0)]))
  })

  it('are dropped when anything about them is not as it should be', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(hello(0))), fc.jsonValue(), (field, value) => {
        const bent = new TextEncoder().encode(JSON.stringify({ ...hello(0), [field]: value }))
        const read = readHello(bent)
        if (read === null) return
        expect(typeof read.process).to.equal('number')
        expect(typeof read.incarnation).to.equal('string')
        expect(typeof read.leads).to.equal('boolean')
        expect(
          read.stores === null || read.stores.every((each) => typeof each === 'string'),
        ).to.equal(true)
        expect(read.hears.every((each) => typeof each === 'number')).to.equal(true)
        expect(read.last === null || Array.isArray(read.last.members)).to.equal(true)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect([readHello(bytes), readPlan(bytes)]).to.deep.equal([null, null])
      }),
    )
  })
})
