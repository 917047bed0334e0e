import { expect } from 'chai'
import fc from 'fast-check'
import { DATA, HEADER, makeFrame } from '../../cluster/link-frame.ts'
import { CALM, VirtualBroker } from '../../testing/virtual-broker.ts'
import { VirtualRuntime } from '../../testing/virtual-runtime.ts'
import { rounds } from '../support/effort.ts'
import { linkEnd, marks, message, TOKEN } from './link-pair.ts'

/** Datagrams, or windows, that one message of the law may take. */
const PIECES = 50

const world = (options: { seed?: number; window?: number; silence?: number } = {}) => {
  const { seed = 1, ...rest } = options
  const runtime = new VirtualRuntime({ seed })
  const broker = new VirtualBroker(runtime)
  const near = broker.transport()
  const far = broker.transport()
  const a = linkEnd(near, runtime, { from: 0, ...rest })
  const b = linkEnd(far, runtime, { from: 1, ...rest })
  return { runtime, broker, near, far, a, b }
}

describe('Link', () => {
  it('carries every message once, whole and in order, whatever the weather (L1)', async function () {
    this.timeout(300_000)
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(),
          loss: fc.constantFrom(0, 0.02, 0.1, 0.4),
          duplicates: fc.constantFrom(0, 0.1, 0.5),
          delay: fc.constantFrom(0, 1, 20, 300),
          window: fc.constantFrom(64, 4096, 1024 * 1024),
          maxPayload: fc.constantFrom(64, 1000, 1024 * 1024),
          sizes: fc.array(fc.constantFrom(0, 1, 3, 100, 5000, 70_000), { maxLength: 12 }),
          outages: fc.array(fc.nat({ max: 3000 }), { maxLength: 3 }),
        }),
        async ({ seed, loss, duplicates, delay, window, maxPayload, sizes, outages }) => {
          const { runtime, broker, a, b } = world({ seed, window })
          // Each datagram is a task of the virtual world: so many bytes that each has work for all.
          const most = Math.min(PIECES * (maxPayload - HEADER), PIECES * window)
          const small = sizes.map((size) => Math.min(size, most))
          broker.weather = { loss, duplicates, delay, reorder: 1 }
          broker.maxPayload = maxPayload
          for (const at of outages) {
            runtime.after(at, () => broker.cut())
            runtime.after(at + 700, () => broker.mend())
          }
          small.forEach((size, number) => {
            runtime.after(number * 100, () => {
              a.link.send(message(number, size))
              b.link.send(message(number + 1, size))
            })
          })
          await runtime.advance(5000)
          broker.weather = CALM
          broker.mend()
          await runtime.advance(30_000)
          expect(marks(a.received)).to.deep.equal(
            marks(small.map((size, number) => message(number + 1, size))),
          )
          expect(marks(b.received)).to.deep.equal(
            marks(small.map((size, number) => message(number, size))),
          )
          expect(a.link.pending).to.equal(0)
        },
      ),
      { numRuns: rounds({ test: 25, ci: 100, torture: 3000 }) },
    )
  })

  it('brings what was sent before the other end was there as soon as it is', async () => {
    const runtime = new VirtualRuntime({ seed: 1 })
    const broker = new VirtualBroker(runtime)
    const a = linkEnd(broker.transport(), runtime, { from: 0 })
    a.link.send(message(1, 100_000))
    // Long enough for the pauses between two tries to have grown.
    await runtime.advance(10_000)
    const b = linkEnd(broker.transport(), runtime, { from: 1 })
    await runtime.advance(50)
    expect(marks(b.received)).to.deep.equal(marks([message(1, 100_000)]))
    expect(a.link.pending).to.equal(0)
  })

  it('has no more under way than its window (L2)', async () => {
    const { runtime, broker, near, a, b } = world({ window: 10_000 })
    broker.cut()
    near.mend()
    a.link.send(message(1, 100_000))
    await runtime.advance(10)
    expect(broker.load).to.be.within(10_000, 11_000)
    broker.mend()
    await runtime.advance(10_000)
    expect(marks(b.received)).to.deep.equal(marks([message(1, 100_000)]))
  })

  it('goes on with smaller datagrams after a reconnect to a server that takes less', async () => {
    const { runtime, broker, a, b } = world()
    broker.cut()
    a.link.send(message(1, 200_000))
    broker.maxPayload = 500
    broker.mend()
    await runtime.advance(5000)
    expect(marks(b.received)).to.deep.equal(marks([message(1, 200_000)]))
  })

  it('counts and drops what is not of this execution, or not a frame at all (L3)', async () => {
    const { runtime, near, a, b } = world()
    const own = { execution: 7, token: TOKEN, from: 0, to: 1 }
    const put = (identity: typeof own, at = 0): void => {
      near.send('link.0.1', makeFrame(identity, { kind: DATA, at, ack: 0 }, 9))
    }
    put({ ...own, execution: 6 })
    put({ ...own, token: new Uint8Array(16) })
    put({ ...own, from: 1, to: 0 })
    near.send('link.0.1', new Uint8Array(3))
    near.send('link.0.1', makeFrame(own, { kind: 9, at: 0, ack: 0 }, 9))
    near.send('link.0.1', makeFrame(own, { kind: DATA, at: Number.NaN, ack: 0 }, 9))
    near.send('link.0.1', makeFrame(own, { kind: DATA, at: 0, ack: 1 }, 9))
    await runtime.advance(10)
    expect(b.link.counts).to.include({ foreign: 3, malformed: 4 })
    a.link.send(message(4, 10))
    await runtime.advance(10)
    expect(b.received).to.deep.equal([message(4, 10)])
  })

  it('takes nothing from datagrams that were damaged at random (L3)', async () => {
    const { runtime, broker, a, b } = world()
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.nat({ max: 31 }),
        fc.integer({ min: 1, max: 255 }),
        (junk, at, flip) => {
          broker.inject('link.0.1', junk)
          const frame = makeFrame(
            { execution: 7, token: TOKEN, from: 0, to: 1 },
            { kind: at === 3 ? 9 : DATA, at: 0, ack: 0 },
            20,
          )
          if (at !== 3) frame[at] = (frame[at] ?? 0) ^ flip
          broker.inject('link.0.1', frame)
        },
      ),
      { numRuns: rounds({ test: 10_000, ci: 100_000, torture: 1_000_000 }) },
    )
    expect(b.link.counts.malformed + b.link.counts.foreign).to.be.at.least(20_000)
    a.link.send(message(4, 10))
    await runtime.advance(1000)
    expect(b.received).to.deep.equal([message(4, 10)])
  })

  it('reports the other end lost after the silence it was given (L4)', async () => {
    const { runtime, near, far, a, b } = world({ silence: 3000 })
    await runtime.advance(2000)
    b.link.close()
    await runtime.advance(2900)
    expect(a.lost).to.deep.equal([])
    await runtime.advance(1200)
    expect(a.lost.map(({ code }) => code)).to.deep.equal(['TIDEMARK_CLUSTER'])
    expect([near.alive, far.alive]).to.deep.equal([true, true])
  })

  it('reports the other end lost when it is heard, but hears nothing any more (L4)', async () => {
    const { runtime, far, a, b } = world({ silence: 3000 })
    await runtime.advance(2000)
    far.cut('in')
    await runtime.advance(2900)
    expect(a.lost).to.deep.equal([])
    await runtime.advance(1200)
    expect(a.lost.map(({ code }) => code)).to.deep.equal(['TIDEMARK_CLUSTER'])
    expect(b.lost, 'its own way does not work').to.deep.equal([])
  })

  it('gives the other end longer to come back after an outage than it may be silent else (L4)', async () => {
    const { runtime, broker, a, b } = world({ silence: 2000 })
    await runtime.advance(2000)
    broker.cut()
    await runtime.advance(3000)
    b.link.close()
    broker.mend()
    await runtime.advance(5000)
    expect(a.lost).to.deep.equal([])
    await runtime.advance(2000)
    expect(a.lost.map(({ code }) => code)).to.deep.equal(['TIDEMARK_CLUSTER'])
  })

  it('does not count silence while its own way to the server is cut (L4)', async () => {
    const { runtime, broker, a, b } = world({ silence: 3000 })
    broker.cut()
    a.link.send(message(1, 10))
    await runtime.advance(60_000)
    broker.mend()
    await runtime.advance(10_000)
    expect([...a.lost, ...b.lost]).to.deep.equal([])
    expect(b.received).to.deep.equal([message(1, 10)])
  })
})
