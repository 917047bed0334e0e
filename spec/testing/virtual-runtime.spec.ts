import { expect } from 'chai'
import { DeadlockError, VirtualRuntime } from 'tidemark/testing'
import { Chance } from '../../testing/chance.ts'
import { TimerQueue } from '../../testing/timer-queue.ts'

const YEAR = 365 * 86_400_000

describe('Chance', () => {
  it('gives the same numbers for the same seed, for good', () => {
    const chance = new Chance(42)
    const first = [chance.number(), chance.number(), chance.number()]
    const again = new Chance(42)
    expect([again.number(), again.number(), again.number()]).to.deep.equal(first)
    expect(new Chance(43).number()).to.not.equal(first[0])
  })

  it('spreads its numbers evenly, and hears every bit of a seed', () => {
    const buckets = Array.from({ length: 16 }, () => 0)
    const chance = new Chance(0)
    for (let n = 0; n < 16_000; n++) {
      const at = chance.below(16)
      buckets[at] = (buckets[at] ?? 0) + 1
    }
    for (const bucket of buckets) expect(bucket).to.be.within(850, 1150)
    const firsts = [0, 1, 2 ** 31, 2 ** 32, 2 ** 40, -1, 2 ** 53 - 1].map((seed) =>
      new Chance(seed).number(),
    )
    expect(new Set(firsts).size).to.equal(firsts.length)
  })
})

describe('TimerQueue', () => {
  it('gives what is due first, and of one time what came first', () => {
    const chance = new Chance(1)
    const queue = new TimerQueue<{ due: number; order: number }>()
    const all = Array.from({ length: 200 }, (_, order) => ({ due: chance.below(20), order }))
    for (const each of all) queue.push(each)
    const given: { due: number; order: number }[] = []
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) given.push(next)
    expect(given).to.deep.equal(all.sort((a, b) => a.due - b.due || a.order - b.order))
  })
})

describe('VirtualRuntime', () => {
  it('runs what is ready in an order that its seed chooses (V1)', async () => {
    const orderOf = async (seed: number): Promise<string> => {
      const runtime = new VirtualRuntime({ seed })
      const order: number[] = []
      for (let n = 0; n < 8; n++) runtime.soon(() => order.push(n))
      while (await runtime.step()) {}
      return order.join('')
    }
    const orders = new Set<string>()
    for (let seed = 0; seed < 20; seed++) orders.add(await orderOf(seed))
    expect(orders.size).to.be.greaterThan(15)
    expect(await orderOf(5)).to.equal(await orderOf(5))
  })

  it('jumps to the earliest timer when nothing is ready, over years (V2)', async () => {
    const runtime = new VirtualRuntime({ start: 0 })
    const seen: number[] = []
    runtime.after(100 * YEAR, () => seen.push(runtime.now()))
    runtime.after(5, () => seen.push(runtime.now()))
    while (await runtime.step()) {}
    expect(seen).to.deep.equal([5, 100 * YEAR])
  })

  it('lets every promise settle between two tasks (V3)', async () => {
    const runtime = new VirtualRuntime()
    const seen: string[] = []
    const chain = async (): Promise<void> => {
      for (let n = 0; n < 50; n++) await null
      seen.push('settled')
    }
    runtime.after(1, () => void chain())
    runtime.after(2, () => seen.push('next'))
    while (await runtime.step()) {}
    expect(seen).to.deep.equal(['settled', 'next'])
  })

  it('reports a dead-lock instead of hanging, with what is waited for', async () => {
    const runtime = new VirtualRuntime({ seed: 9 })
    const failure = await runtime
      .run(new Promise(() => {}), { stuck: () => 'the sink waits for Godot' })
      .catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(DeadlockError)
    expect((failure as Error).message)
      .to.include('seed 9')
      .and.include('Godot')
  })

  it('gives up on a run that never ends', async () => {
    const runtime = new VirtualRuntime()
    const tick = (): void => {
      runtime.after(1, tick)
    }
    tick()
    const failure = await runtime
      .run(new Promise(() => {}), { steps: 100 })
      .catch((error: unknown) => error)
    expect(failure).to.have.property('message').that.includes('100 tasks')
  })

  it('moves time on for a task that waits for it in a loop', () => {
    const runtime = new VirtualRuntime()
    const until = runtime.monotonic() + 10
    while (runtime.monotonic() < until) {}
    expect(runtime.monotonic()).to.be.within(until, until + 1)
  })

  it('lets the wall clock jump alone', () => {
    const runtime = new VirtualRuntime({ start: 1000 })
    const before = runtime.monotonic()
    runtime.jump(-500)
    expect(runtime.now()).to.equal(500)
    expect(runtime.monotonic()).to.equal(before)
  })

  it('forgets timers that were called off, also when they are next', async () => {
    const runtime = new VirtualRuntime({ start: 0 })
    runtime.after(1000, () => {}).cancel()
    expect(await runtime.step()).to.equal(false)
    expect(runtime.now()).to.equal(0)
  })

  it('advances to a time, and not beyond', async () => {
    const runtime = new VirtualRuntime({ start: 0 })
    const seen: number[] = []
    for (const at of [10, 20, 30]) runtime.after(at, () => seen.push(at))
    await runtime.advance(20)
    expect(seen).to.deep.equal([10, 20])
    expect(runtime.now()).to.equal(20)
  })

  it('runs nothing of a process that is paused or dead', async () => {
    const runtime = new VirtualRuntime({ start: 0 })
    const seen: string[] = []
    const [paused, dead] = [runtime.fork(), runtime.fork()]
    paused.soon(() => seen.push(`paused at ${runtime.now()}`))
    paused.after(50, () => seen.push('called off')).cancel()
    dead.fork().soon(() => seen.push('dead'))
    paused.pause(100)
    dead.kill()
    runtime.soon(() => seen.push(`free at ${runtime.now()}`))
    while (await runtime.step()) {}
    expect(seen).to.deep.equal(['free at 0', 'paused at 100'])
  })
})
