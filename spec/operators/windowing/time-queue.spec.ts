import { expect } from 'chai'
import fc from 'fast-check'
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
