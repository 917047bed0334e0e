import { expect } from 'chai'
import fc from 'fast-check'
import { Entry } from '../../../lib/state/entry.ts'
import { TimerHeap } from '../../../lib/state/timer-heap.ts'

class Key extends Entry {
  constructor(key: string) {
    super()
    this.$key = key
  }
}

describe('TimerHeap', () => {
  it('has nothing due while it is empty', () => {
    expect(new TimerHeap<Key>().next).to.equal(Number.POSITIVE_INFINITY)
  })

  it('gives entries of one time in the order of their keys', () => {
    const heap = new TimerHeap<Key>()
    for (const key of ['c', 'a', 'b']) heap.schedule(new Key(key), 5)
    expect([heap.pop().$key, heap.pop().$key, heap.pop().$key]).to.deep.equal(['a', 'b', 'c'])
  })

  it('holds an entry once, however often it is moved', () => {
    const heap = new TimerHeap<Key>()
    const key = new Key('a')
    for (const time of [5, 9, 1, 7]) heap.schedule(key, time)
    expect(heap.size).to.equal(1)
    expect(heap.next).to.equal(7)
    heap.schedule(key, null)
    expect(heap.size).to.equal(0)
    expect(key.$place).to.equal(-1)
  })

  it('is a sorted list', () => {
    const step = fc.oneof(
      fc.record({
        at: fc.nat(9),
        time: fc.option(fc.integer({ min: -5, max: 20 }), { nil: null }),
      }),
      fc.constant('pop' as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const heap = new TimerHeap<Key>()
        const keys = Array.from({ length: 10 }, (_, at) => new Key(`k${at}`))
        const model = new Map<string, number>()
        const sorted = (): [string, number][] =>
          [...model].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
        for (const each of steps) {
          const first = sorted()[0]
          expect(heap.next).to.equal(first?.[1] ?? Number.POSITIVE_INFINITY)
          expect(heap.size).to.equal(model.size)
          if (each === 'pop') {
            if (first === undefined) continue
            const popped = heap.pop()
            expect(popped.$key).to.equal(first[0])
            expect(popped.$place).to.equal(-1)
            model.delete(first[0])
          } else {
            const key = keys[each.at] as Key
            heap.schedule(key, each.time)
            if (each.time === null) model.delete(key.$key)
            else model.set(key.$key, each.time)
          }
        }
      }),
    )
  })
})
