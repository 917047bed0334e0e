import { expect } from 'chai'
import { VirtualRuntime } from 'tidemark/testing'
import type { Plan } from '../../cluster/control.ts'
import { Council } from '../../cluster/council.ts'
import type { Entry, Messaging, Register } from '../../cluster/messaging.ts'

type Take = (bytes: Uint8Array, subject: string) => void

/** What all processes of one memory say to one another, each message in a turn of its own. */
class Square {
  readonly #runtime: VirtualRuntime
  readonly #listeners = new Map<string, Set<Take>>()
  readonly #entries = new Map<string, Entry>()
  #revision = 0

  constructor(runtime: VirtualRuntime) {
    this.#runtime = runtime
  }

  enter(): Messaging {
    const register: Register = {
      get: async (key) => this.#entries.get(key) ?? null,
      create: async (key, value) => (this.#entries.has(key) ? null : this.#write(key, value)),
      update: async (key, value, revision) =>
        this.#entries.get(key)?.revision === revision ? this.#write(key, value) : null,
      put: async (key, value) => this.#write(key, value),
      delete: async (key) => void this.#entries.delete(key),
    }
    return {
      state: 'up',
      maxPayload: 1024 * 1024,
      publish: (subject, bytes) => {
        for (const take of this.#listeners.get(subject) ?? []) {
          this.#runtime.after(1, () => take(bytes, subject))
        }
      },
      subscribe: (subject, take) => {
        const listeners = this.#listeners.get(subject) ?? new Set()
        this.#listeners.set(subject, listeners.add(take))
        return { end: () => listeners.delete(take) }
      },
      roundTrip: async () => {},
      onState: () => ({ end: () => {} }),
      register: async () => register,
      close: async () => {},
    }
  }

  #write(key: string, value: string): number {
    this.#revision += 1
    this.#entries.set(key, { value, revision: this.#revision })
    return this.#revision
  }
}

describe('Council', () => {
  let runtime: VirtualRuntime
  let square: Square
  let councils: Council[]
  let said: string[]

  beforeEach(() => {
    runtime = new VirtualRuntime({ seed: 5 })
    square = new Square(runtime)
    councils = []
    said = []
  })

  const join = async (
    process: number,
    more: {
      readonly hash?: string
      readonly version?: string
      readonly count?: number
      readonly stores?: readonly string[] | null
    } = {},
  ): Promise<Council> => {
    const { hash = 'same', version = '1.0.0', count = 3, stores = null } = more
    const council = new Council({
      flowId: 'orders',
      hash,
      version,
      place: { process, count },
      workers: 1,
      messaging: square.enter(),
      incarnation: `life-${process}`,
      runtime,
      report: (_level, message) => said.push(message),
      changed: () => {},
      superseded: () => {},
    })
    councils.push(council)
    await council.join({ stores, run: null })
    return council
  }

  const pause = (time: number): Promise<void> =>
    new Promise((resolve) => {
      runtime.after(time, resolve)
    })

  /** Lets the councils meet, and closes them, so that the virtual time has an end. */
  const meet = (body: () => Promise<void>): Promise<void> => runtime.run(met(body))

  const met = async (body: () => Promise<void>): Promise<void> => {
    try {
      await body()
    } finally {
      await Promise.all(councils.map((council) => council.leave()))
    }
  }

  const planOf = async (council: Council): Promise<Plan | string | null> =>
    council.nextPlan().catch((error: unknown) => String(error))

  it('forms one execution of all that are there', () =>
    meet(async () => {
      const three = await Promise.all([0, 1, 2].map((process) => join(process)))
      const plans = await Promise.all(three.map(planOf))
      const members = plans.map((plan) => (plan as Plan).members.map(({ process }) => process))
      expect(members).to.deep.equal([
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
      ])
      expect(new Set(plans.map((plan) => (plan as Plan).execution)).size).to.equal(1)
    }))

  const strangers = [
    ['flow', { hash: 'another' }, /has another flow .* its steps differ/],
    ['release', { version: '2.0.0' }, /runs with version 1\.0\.0 .* this process has 2\.0\.0/],
    ['number of processes', { count: 4 }, /runs in 3 processes, .* one of 4/],
    ['way of keeping snapshots', { stores: ['s'] }, /keep no snapshots, and this one does/],
  ] as const
  for (const [what, more, why] of strangers) {
    it(`refuses who comes with another ${what}, saying so, and begins without it (N3)`, () =>
      meet(async () => {
        const [zero, one] = [await join(0), await join(1)]
        const plans = [planOf(zero), planOf(one)]
        await pause(1000)
        const stranger = await join(2, more)
        expect(await planOf(stranger)).to.match(why)
        await stranger.leave()
        const two = await join(2)
        expect((await planOf(two)) as Plan)
          .to.have.property('members')
          .with.lengthOf(3)
        await Promise.all(plans)
      }))
  }

  it('names the processes that it waits for', () =>
    meet(async () => {
      const one = await join(1)
      const plan = planOf(one)
      await pause(15_000)
      expect(said).to.deep.equal([
        'waiting for processes 0, 2 of 3',
        'waiting for processes 0, 2 of 3',
      ])
      one.stop()
      expect(await plan).to.equal(null)
    }))
})
