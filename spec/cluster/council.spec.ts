import { expect } from 'chai'
import { VirtualRuntime } from 'tidemark/testing'
import type { LastExecution, Plan } from '../../cluster/control.ts'
import { Council } from '../../cluster/council.ts'
import type { Estate } from '../../cluster/estate.ts'
import type { Entry, Messaging, Register } from '../../cluster/messaging.ts'
import type { TakeOver } from '../../lib/recovery/take-over.ts'

const TAKEN: TakeOver = { kind: 'taken', resumeEpoch: 7 }

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
  let heard: string[]

  beforeEach(() => {
    runtime = new VirtualRuntime({ seed: 5 })
    square = new Square(runtime)
    councils = []
    said = []
    heard = []
  })

  const join = async (
    process: number,
    more: {
      readonly hash?: string
      readonly version?: string
      readonly count?: number
      readonly stores?: readonly string[] | null
      readonly estate?: Estate
      readonly last?: LastExecution | null
      readonly life?: string
    } = {},
  ): Promise<Council> => {
    const {
      hash = 'same',
      version = '1.0.0',
      count = 3,
      stores = null,
      estate = null,
      last = null,
      life = `life-${process}`,
    } = more
    const council = new Council({
      flowId: 'orders',
      hash,
      version,
      place: { process, count },
      workers: 1,
      messaging: square.enter(),
      incarnation: life,
      startWait: 20_000,
      estate,
      runtime,
      report: (_level, message) => said.push(message),
      changed: (hello) => heard.push(hello.incarnation),
      superseded: () => {},
    })
    councils.push(council)
    await council.join({ stores, run: null, last })
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

  it('refuses who comes with the number of another that is there, and lets nobody hear of it (N6)', () =>
    meet(async () => {
      const [zero, one] = [await join(0, { count: 2 }), await join(1, { count: 2 })]
      await Promise.all([planOf(zero), planOf(one)])
      const double = await join(1, { count: 2, life: 'another' })
      expect(await planOf(double)).to.match(/Process 1 .* runs already somewhere else/)
      expect(heard).to.not.include('another')
    }))

  it('refuses the later of two with one number also while both wait for others (N6)', () =>
    meet(async () => {
      const first = await join(0)
      const waits = planOf(first)
      await pause(5000)
      const later = await join(0, { life: 'another' })
      expect(await planOf(later)).to.match(/Process 0 .* runs already somewhere else/)
      await later.leave()
      await pause(20_000)
      first.stop()
      expect(await waits).to.equal(null)
    }))

  it('says what about one differs that is kept out', () =>
    meet(async () => {
      const [zero, one] = [await join(0), await join(1)]
      const plans = [planOf(zero), planOf(one)]
      await join(2, { hash: 'another' })
      await pause(5000)
      expect(said).to.include(
        'process 2 is kept out: it has another flow under the same id; its steps differ',
      )
      zero.stop()
      one.stop()
      await Promise.all(plans)
    }))

  describe('when all are started anew but one', () => {
    const lastWith = (...stores: readonly string[]): LastExecution => ({
      execution: 40,
      members: stores.map((store, process) => ({ process, stores: [store] })),
    })

    it('begins without it after a while where its stores can be read here, under a higher number', () =>
      meet(async () => {
        const shared = { stores: ['one'] }
        const one = await join(1, { ...shared, last: lastWith('one', 'one', 'one') })
        // Knows of nothing: its directory is new to it.
        const two = await join(2, shared)
        const plans = [planOf(one), planOf(two)]
        await pause(15_000)
        expect(said[0]).to.equal(
          'waiting for process 0 of 3; the flow goes on without it, if it stays away',
        )
        for (const plan of (await Promise.all(plans)) as Plan[]) {
          expect(plan.members.map(({ process }) => process)).to.deep.equal([1, 2])
          expect(plan.execution).to.be.greaterThan(40)
        }
        expect(runtime.monotonic()).to.be.within(20_000, 25_000)
      }))

    it('waits for it, naming it, where only it can read what it kept', () =>
      meet(async () => {
        const one = await join(1, { stores: ['b'], last: lastWith('a', 'b', 'c') })
        const two = await join(2, { stores: ['c'], last: lastWith('a', 'b', 'c') })
        const plans = [planOf(one), planOf(two)]
        await pause(60_000)
        expect(said[0]).to.include('process 0 of 3: the recovery partitions kept there are needed')
        one.stop()
        two.stop()
        expect(await Promise.all(plans)).to.deep.equal([null, null])
      }))

    it('goes by the newest of what the others remember', () =>
      meet(async () => {
        const older = { ...lastWith('b', 'b'), execution: 39 }
        const one = await join(1, { stores: ['b'], last: older })
        const two = await join(2, { stores: ['b'], last: lastWith('a', 'b', 'b') })
        const plans = [planOf(one), planOf(two)]
        await pause(60_000)
        expect(said[0]).to.include('process 0 of 3: the recovery partitions kept there are needed')
        one.stop()
        two.stop()
        expect(await Promise.all(plans)).to.deep.equal([null, null])
      }))
  })

  describe('when a process stays away whose stores are archived', () => {
    /** Who keeps which store, as it is written in an archive. */
    const archived = (
      own: string,
      keeps: Map<string, string>,
      outcome: TakeOver = TAKEN,
    ): Estate => ({
      after: 20_000,
      takeOver: async (store) => {
        await pause(500)
        if (outcome.kind === 'taken') keeps.set(store, own)
        return outcome
      },
      stores: async () => {
        const kept = [...keeps].filter(([, by]) => by === own).map(([store]) => store)
        return kept.length === 0 ? [`new ${own}`] : kept
      },
      isLost: async () => false,
    })

    /** Two processes that have been in an execution, of which the second is gone. */
    const abandoned = async (keeps: Map<string, string>, outcome: TakeOver = TAKEN) => {
      const two = [0, 1].map((process) =>
        join(process, {
          count: 2,
          stores: [`s${process}`],
          estate: archived(`s${process}`, keeps, outcome),
        }),
      )
      const [zero, one] = (await Promise.all(two)) as [Council, Council]
      await Promise.all([planOf(zero), planOf(one)])
      await one.leave()
      await pause(100)
      zero.onFailed()
      return zero
    }
    const keepsOf = () =>
      new Map([
        ['s0', 's0'],
        ['s1', 's1'],
      ])
    const storesIn = (plan: unknown) => (plan as Plan).members.map(({ stores }) => stores)

    it('takes them over once it has been away for long, and goes on', () =>
      meet(async () => {
        const zero = await abandoned(keepsOf())
        const plan = planOf(zero)
        await pause(18_000)
        expect(said.join()).to.include('process 1 of 2').and.not.include('taking over')
        expect(storesIn(await plan)).to.deep.equal([['s0', 's1']])
        expect(runtime.monotonic()).to.be.within(20_000, 30_000)
      }))

    it('has who comes back give up what it has, before it takes part', () =>
      meet(async () => {
        const keeps = keepsOf()
        const zero = await abandoned(keeps)
        await planOf(zero)
        const back = await join(1, { count: 2, stores: ['s1'], estate: archived('s1', keeps) })
        const plans = [planOf(back)]
        await pause(6000)
        zero.onFailed()
        plans.push(planOf(zero))
        for (const plan of await Promise.all(plans)) {
          expect(storesIn(plan)).to.deep.equal([['s0', 's1'], ['new s1']])
        }
      }))

    it('never begins with two that keep one store apart (F3)', () =>
      meet(async () => {
        const zero = await abandoned(keepsOf())
        await planOf(zero)
        // One that was started without the archive, and knows nothing of what was taken over.
        const back = await join(1, { count: 2, stores: ['s1'] })
        void planOf(back)
        zero.onFailed()
        const plan = planOf(zero)
        await pause(60_000)
        expect(said.at(-1)).to.include('waiting for process 0 or 1 to give up a recovery store')
        zero.stop()
        expect(await plan).to.equal(null)
      }))

    it('goes on without a store in which nothing was ever kept', () =>
      meet(async () => {
        const zero = await abandoned(keepsOf(), { kind: 'empty' })
        expect(storesIn(await planOf(zero))).to.deep.equal([['s0']])
      }))

    it('waits, naming it, where they can not be taken over', () =>
      meet(async () => {
        const zero = await abandoned(keepsOf(), { kind: 'refused', why: 'it is behind' })
        const plan = planOf(zero)
        await pause(60_000)
        expect(said).to.include(
          "the recovery partitions of process 1 can't be taken over: it is behind",
        )
        expect(said.join()).to.include('waiting for process 1 of 2: the recovery partitions')
        zero.stop()
        expect(await plan).to.equal(null)
      }))
  })
})
