import { expect } from 'chai'
import type { Transport } from '../../cluster/transport.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { type LinkEnd, linkEnd, marks, message } from './link-pair.ts'

/** A broker with two ways to it, and time to let things arrive. */
export interface TransportWorld {
  readonly runtime: Runtime
  readonly near: Transport
  readonly far: Transport
  /** Resolves once `met` holds; rejects when it never will. */
  until(met: () => boolean): Promise<void>
  /** Takes the broker away and brings it back. */
  outage(): Promise<void>
  dispose(): Promise<void>
}

/** What every transport must do for links to stand on it. */
export const describeTransport = (name: string, make: () => Promise<TransportWorld>): void => {
  describe(`${name} as a transport`, () => {
    let world: TransportWorld
    beforeEach(async () => {
      world = await make()
    })
    afterEach(() => world.dispose())

    const ends = (subjects: string): [LinkEnd, LinkEnd] => [
      linkEnd(world.near, world.runtime, { from: 0, subjects }),
      linkEnd(world.far, world.runtime, { from: 1, subjects }),
    ]

    it('brings a datagram to those who listen to its subject, and to no others', async () => {
      const heard: string[] = []
      const own = world.far.subscribe('a.b', (bytes) => heard.push(`a.b ${bytes[0]}`))
      const other = world.far.subscribe('a.c', () => heard.push('a.c'))
      await world.until(() => {
        world.near.send('a.b', Uint8Array.of(7))
        return heard.length > 0
      })
      expect(new Set(heard)).to.deep.equal(new Set(['a.b 7']))
      own.end()
      other.end()
    })

    it('never throws, not even for what is larger than it carries', () => {
      expect(world.near.maxPayload).to.be.greaterThan(1000)
      world.near.send('a.b', new Uint8Array(world.near.maxPayload + 1))
    })

    it('carries links: every message once and in order, both ways', async () => {
      const [a, b] = ends('both')
      const sizes = [0, 1, 100, 40_000, 2_500_000, 5]
      for (const [number, size] of sizes.entries()) {
        a.link.send(message(number, size))
        b.link.send(message(number + 1, size))
      }
      await world.until(() => a.received.length >= 6 && b.received.length >= 6)
      expect(marks(b.received)).to.deep.equal(
        marks(sizes.map((size, number) => message(number, size))),
      )
      expect(marks(a.received)).to.deep.equal(
        marks(sizes.map((size, number) => message(number + 1, size))),
      )
      a.link.close()
      b.link.close()
    })

    it('tells when the way is open again, and links lose nothing over it', async () => {
      const [a, b] = ends('outage')
      let ups = 0
      const up = world.near.onUp(() => {
        ups += 1
      })
      for (let number = 0; number < 50; number++) a.link.send(message(number, 20_000))
      await world.outage()
      for (let number = 50; number < 60; number++) a.link.send(message(number, 20_000))
      await world.until(() => b.received.length >= 60)
      expect(marks(b.received)).to.deep.equal(
        marks(Array.from({ length: 60 }, (_, at) => message(at, 20_000))),
      )
      expect(ups).to.be.greaterThan(0)
      expect(world.near.alive).to.equal(true)
      up.end()
      a.link.close()
      b.link.close()
    })
  })
}
