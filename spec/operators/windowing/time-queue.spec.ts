import { expect } from 'chai'
import fc from 'fast-check'
import { type DueEntry, DueHeap } from '../../../operators/windowing/due-heap.ts'
import { TimeQueue } from '../../../operators/windowing/time-queue.ts'

describe('TimeQueue', () => {
  it('gives values by time, and by arrival where times are equal', () => {
    const steps = fc.array(fc.option(fc.integer({ min: 0, max: 9 }), { freq: 3 }))
    fc.assert(
      fc.property(steps, (times) => {
        const queue = new TimeQueue<[time: number, place: number]>()
        let model: [number, number][] = []
        times.forEach((time, place) => {
          if (time !== null) {
            queue.push(time, [time, place])
            model.push([time, place])
            model.sort(([a, i], [b, j]) => a - b || i - j)
          } else if (model.length > 0) {
            expect(queue.firstTime).to.equal(model[0]?.[0])
            expect(queue.shift()).to.deep.equal(model[0])
            model = model.slice(1)
          }
          expect(queue.entries().map(([, value]) => value)).to.deep.equal(model)
        })
      }),
    )
  })
})

describe('DueHeap', () => {
  it('holds each entry once, by (due, key)', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
    const steps = fc.array(fc.tuple(key, fc.option(fc.integer({ min: 0, max: 5 }))))
    fc.assert(
      fc.property(steps, (moves) => {
        const heap = new DueHeap<DueEntry>()
        const entries = new Map<string, DueEntry>()
        const model = new Map<string, number>()
        for (const [name, due] of moves) {
          const entry = entries.get(name) ?? { key: name, due: 0, place: -1 }
          entries.set(name, entry)
          heap.schedule(entry, due)
          if (due === null) model.delete(name)
          else model.set(name, due)
          const [first] = [...model].sort(([k, d], [l, e]) => d - e || (k < l ? -1 : 1))
          expect(heap.peek()?.key).to.equal(first?.[0])
          expect(heap.size).to.equal(model.size)
        }
      }),
    )
  })
})
