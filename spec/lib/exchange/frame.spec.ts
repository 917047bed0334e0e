import { expect } from 'chai'
import fc from 'fast-check'
import { ClusterError } from '../../../lib/errors/errors.ts'
import {
  controlMessage,
  creditMessage,
  deliverFrame,
  encodeFrame,
  signalMessage,
} from '../../../lib/exchange/frame.ts'
import type { Receiver } from '../../../lib/exchange/network.ts'
import { data, end, frontier, watermark } from '../../../lib/signal/signal.ts'

/** A receiver that writes down what it is handed. */
const notebook = (): Receiver & { readonly notes: unknown[] } => {
  const notes: unknown[] = []
  return {
    notes,
    signal: (from, edge, signal) => notes.push(['signal', from, edge, signal]),
    credit: (from, edge, items) => notes.push(['credit', from, edge, items]),
    control: (from, control) => notes.push(['control', from, control]),
  }
}

const sample = () =>
  encodeFrame([
    signalMessage(3, data(0, 7, ['a', 'b'], [{ n: 1 }, { n: 2 }])),
    signalMessage(3, watermark(7, 1234.5)),
    signalMessage(4, frontier(8)),
    signalMessage(4, end(8, true)),
    creditMessage(3, 1024),
    controlMessage({ kind: 'pace', epoch: 9, stop: 'drain' }),
  ])

describe('a frame', () => {
  it('hands over its messages in the order in which they were put in', () => {
    const receiver = notebook()

    deliverFrame(sample(), 2, receiver)

    expect(receiver.notes).to.deep.equal([
      ['signal', 2, 3, data(0, 7, ['a', 'b'], [{ n: 1 }, { n: 2 }])],
      ['signal', 2, 3, watermark(7, 1234.5)],
      ['signal', 2, 4, frontier(8)],
      ['signal', 2, 4, end(8, true)],
      ['credit', 2, 3, 1024],
      ['control', 2, { kind: 'pace', epoch: 9, stop: 'drain' }],
    ])
  })

  it('that is cut short delivers nothing at all', () => {
    const whole = sample()
    for (let length = 0; length < whole.length; length++) {
      const receiver = notebook()
      expect(() => deliverFrame(whole.slice(0, length), 0, receiver)).to.throw(ClusterError)
      expect(receiver.notes).to.deep.equal([])
    }
  })

  it('that is damaged is refused as such, or is another frame: never anything else', () => {
    const whole = sample()
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = whole.slice()
        damaged[at] = (damaged[at] as number) ^ flip
        try {
          deliverFrame(damaged, 0, notebook())
        } catch (error) {
          expect(error).to.be.instanceOf(ClusterError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
