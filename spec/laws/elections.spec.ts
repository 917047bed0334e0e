import { expect } from 'chai'
import fc from 'fast-check'
import { CALM, type Weather } from '../../testing/virtual-broker.ts'
import { rounds } from '../support/effort.ts'
import { VirtualMembers } from '../support/virtual-members.ts'

const RUNS = rounds({ test: 40, ci: 150, torture: 10_000 })
/** The same worlds each time, but for torture, which looks for others. */
const SEED = rounds({ test: 7, ci: 7, torture: 0 })

/** How long things go wrong, and how long processes have to find together afterwards: milliseconds. */
const TROUBLE = 25_000
const PEACE = 60_000

interface Trouble {
  readonly kind: 'pause' | 'kill' | 'cut in' | 'cut out' | 'cut' | 'outage' | 'wipe' | 'jump'
  readonly process: number
  readonly at: number
  readonly millis: number
}

interface World {
  readonly seed: number
  readonly count: number
  readonly shared: boolean
  readonly weather: Weather
  readonly troubles: readonly Trouble[]
}

const world: fc.Arbitrary<World> = fc.record({
  seed: fc.nat(),
  count: fc.integer({ min: 2, max: 4 }),
  shared: fc.boolean(),
  weather: fc.record({
    loss: fc.constantFrom(0, 0, 0.05, 0.3),
    duplicates: fc.constantFrom(0, 0.3),
    delay: fc.constantFrom(0, 5, 50, 200),
    reorder: fc.constantFrom(0, 0.1, 1),
  }),
  troubles: fc.array(
    fc.record({
      kind: fc.constantFrom<Trouble['kind']>(
        'pause',
        'pause',
        'kill',
        'cut in',
        'cut out',
        'cut',
        'outage',
        'wipe',
        'jump',
      ),
      process: fc.nat(3),
      at: fc.integer({ min: 0, max: TROUBLE }),
      millis: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 3000, max: 12_000 })),
    }),
    { maxLength: 8 },
  ),
})

const strike = (members: VirtualMembers, { kind, process, millis }: Trouble): void => {
  const { runtime, broker, registers } = members
  switch (kind) {
    case 'pause':
      members.pause(process, millis)
      return
    case 'kill':
      members.kill(process, millis)
      return
    case 'cut in':
      members.cut(process, 'in', millis)
      return
    case 'cut out':
      members.cut(process, 'out', millis)
      return
    case 'cut':
      members.cut(process, 'both', millis)
      return
    case 'outage':
      broker.cut()
      runtime.after(millis, () => broker.mend())
      return
    case 'wipe':
      registers.wipe()
      return
    default:
      runtime.jump(millis * 1000 - 3_500_000)
  }
}

/** Lets processes live through it all, and on until all of them work in one execution. */
const through = async ({ seed, count, shared, weather, troubles }: World) => {
  const members = new VirtualMembers({ seed, count, shared })
  const { runtime, broker, ledger } = members
  broker.weather = weather
  members.start()
  for (const trouble of troubles) {
    const process = trouble.process % count
    runtime.after(trouble.at, () => strike(members, { ...trouble, process }))
  }
  await runtime.advance(TROUBLE)
  broker.weather = CALM
  const from = runtime.elapsed + 8000
  const isWhole = (): boolean => {
    const last = ledger.acts.at(-1)
    return last !== undefined && last.at > from && last.plan.members.length === count
  }
  while (!isWhole() && runtime.elapsed < from + PEACE) await runtime.advance(500)
  return { ledger, isWhole: isWhole() }
}

describe('The processes of a flow', function () {
  this.timeout(RUNS * 4000)

  it('never act for two executions at a time, and all work again once they can', async () => {
    const executions: number[] = []
    await fc.assert(
      fc.asyncProperty(world, async (how) => {
        const { ledger, isWhole } = await through(how)
        expect(ledger.wrong).to.deep.equal([])
        expect(isWhole, 'all work again').to.equal(true)
        // A server that has forgotten its numbers may give one again; who acts is another matter.
        if (!how.troubles.some(({ kind }) => kind === 'wipe')) {
          expect(ledger.doubled, 'numbers with two plans').to.deep.equal([])
        }
        executions.push(new Set(ledger.acts.map(({ plan }) => plan.token)).size)
      }),
      { numRuns: RUNS, ...(SEED === 0 ? {} : { seed: SEED }) },
    )
    expect(Math.max(...executions)).to.be.greaterThan(2)
  })

  const absences = {
    'stood still': (members: VirtualMembers, process: number) => members.pause(process, 15_000),
    'were heard by nobody': (members: VirtualMembers, process: number) =>
      members.cut(process, 'out', 15_000),
    'heard nobody': (members: VirtualMembers, process: number) =>
      members.cut(process, 'in', 15_000),
  }
  for (const [how, away] of Object.entries(absences)) {
    it(`act no more once others have gone on without them, when they ${how}`, async () => {
      for (let seed = 0; seed < 6; seed++) {
        const members = new VirtualMembers({ seed, count: 3, shared: true })
        const { runtime, ledger } = members
        members.start()
        await runtime.advance(5000)
        expect(ledger.acts.at(-1)?.plan.members.length).to.equal(3)
        // In some of the rounds it is the one that leads.
        const lost = seed % 3
        away(members, lost)
        await runtime.advance(13_000)
        const others = ledger.acts.at(-1)?.plan.members.map(({ process }) => process)
        expect(others).to.deep.equal([0, 1, 2].filter((each) => each !== lost))
        await runtime.advance(20_000)
        expect(ledger.wrong).to.deep.equal([])
        expect(ledger.acts.at(-1)?.plan.members.length).to.equal(3)
      }
    })
  }

  it('lets one that was alone act no more once another has gone on', async () => {
    const members = new VirtualMembers({ seed: 0, count: 2, shared: true })
    const { runtime, ledger } = members
    members.start()
    runtime.after(8943, () => members.pause(1, 6358))
    runtime.after(16_501, () => members.pause(0, 3000))
    await runtime.advance(45_000)
    expect(ledger.wrong).to.deep.equal([])
    expect(ledger.acts.at(-1)?.plan.members.length).to.equal(2)
  })
})
