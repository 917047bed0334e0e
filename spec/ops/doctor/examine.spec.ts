import { expect } from 'chai'
import {
  type Dataflow,
  dataflow,
  type ErrorPolicy,
  type Execution,
  FixedPartitionedSource,
  type RunOptions,
  type Runtime,
  StatefulSourcePartition,
  start,
  withPolicy,
} from 'tidemark'
import { keyOn, map, mapAsync, statefulMap, watermarks } from 'tidemark/operators'
import { MemoryStore, TestingSink, VirtualRuntime } from 'tidemark/testing'
import { examine } from '../../../ops/doctor/examine.ts'
import type { Finding } from '../../../ops/doctor/finding.ts'
import type { FlowNow } from '../../../ops/doctor/flow-now.ts'

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A running flow in virtual time, looked at as its API would. */
class Patient {
  readonly runtime: VirtualRuntime
  readonly #execution: Execution
  readonly #flow: Dataflow

  constructor(flow: Dataflow, options: RunOptions, runtime: VirtualRuntime) {
    this.runtime = runtime
    this.#flow = flow
    this.#execution = start(flow, { runtime, logger: QUIET, ...options })
  }

  pass(millis: number): Promise<void> {
    return this.runtime.run(
      new Promise<void>((resolve) => void this.runtime.after(millis, resolve)),
    )
  }

  async look(sinceCommit: number | null = null): Promise<FlowNow> {
    return {
      flow: this.#flow.id,
      time: this.runtime.now(),
      ...this.#execution.metrics(),
      sinceCommit,
      messages: [],
      workers: await this.#execution.observe(),
    }
  }

  /** What is found of two looks that are `millis` apart, of one kind. */
  async found(about: Finding['about'], millis: number): Promise<readonly Finding[]> {
    const before = await this.look()
    await this.pass(millis)
    return examine({ before, after: await this.look() }).filter((each) => each.about === about)
  }
}

/** Partitions that each give the time of the clock, as long as they are told to. */
class Clocks extends FixedPartitionedSource<{ readonly at: number }, null> {
  readonly #until: Readonly<Record<string, number>>
  #runtime: Runtime | null = null

  constructor(until: Readonly<Record<string, number>>) {
    super()
    this.#until = until
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return Object.keys(this.#until)
  }

  override buildPart(_step: string, part: string): StatefulSourcePartition<{ at: number }, null> {
    const runtime = this.#runtime as Runtime
    const end = runtime.now() + (this.#until[part] as number)
    let next = runtime.now()
    return new (class extends StatefulSourcePartition<{ at: number }, null> {
      override nextBatch(): { at: number }[] {
        next = runtime.now() + 1000
        return runtime.now() < end ? [{ at: runtime.now() }] : []
      }
      override nextAwake(): number {
        return next
      }
      override snapshot(): null {
        return null
      }
    })()
  }
}

class Trickle extends FixedPartitionedSource<number, null> {
  #runtime: Runtime | null = null
  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#runtime = runtime
  }
  override listParts(): string[] {
    return ['only']
  }
  override buildPart(): StatefulSourcePartition<number, null> {
    const runtime = this.#runtime as Runtime
    let next = 0
    return new (class extends StatefulSourcePartition<number, null> {
      override nextBatch(): number[] {
        next = runtime.now() + 10
        return Array.from({ length: 20 }, (_, at) => at)
      }
      override nextAwake(): number {
        return next
      }
      override snapshot(): null {
        return null
      }
    })()
  }
}

const saying = (findings: readonly Finding[]): string =>
  findings.map(({ level, says }) => `${level}: ${says}`).join('\n')

describe('the doctor of a running flow', () => {
  const timed = (until: Readonly<Record<string, number>>) => {
    const flow = dataflow('patient')
    flow
      .input('in', new Clocks(until))
      .pipe(watermarks('times', { timestamp: ({ at }) => at, outOfOrderness: 0 }))
      .output('out', new TestingSink())
    return new Patient(flow, {}, new VirtualRuntime())
  }

  it('names the partition that holds the watermark back, since when, and by how much', async () => {
    const patient = timed({ quick: 1e9, still: 20_000 })
    await patient.pass(200_000)
    const [finding] = await patient.found('watermark', 3000)
    expect(finding?.level).to.equal('bad')
    expect(finding?.says).to.match(
      /The watermark of "times" is 3 min behind the clock: partition "still" of "in" holds it back since 2022-01-01T00:00:1\d\.\d+Z \(3 min ago\); the next one is 3 min ahead/,
    )
  })

  it('is content with partitions that move together', async () => {
    const patient = timed({ a: 1e9, b: 1e9 })
    await patient.pass(100_000)
    expect(saying(await patient.found('watermark', 3000))).to.match(/^good: .*no partition holds/)
  })

  it('names a partition that has given nothing yet, for which the others wait', async () => {
    const patient = timed({ quick: 1e9, mute: 0 })
    await patient.pass(60_000)
    expect(saying(await patient.found('watermark', 3000))).to.match(
      /^bad: "times" has no watermark yet: partition "mute" of "in" has given no item .* others wait/,
    )
  })

  it('names the worker that has most to do, and the key that makes it so', async () => {
    const flow = dataflow('patient')
    flow
      .input('in', new Trickle())
      .pipe(
        keyOn('key', (n) => (n === 0 ? 'rare' : 'whale')),
        statefulMap('count', (count: number | null) => [(count ?? 0) + 1, count] as const),
      )
      .output('out', new TestingSink())
    const patient = new Patient(flow, { workers: 3 }, new VirtualRuntime())
    await patient.pass(1000)
    expect(saying(await patient.found('skew', 5000))).to.match(
      /note: Worker \d takes (9\d|100) % of the items of "count".* have the key "whale"/,
    )
  })

  it('names the step that waits for a call that never comes back', async () => {
    const flow = dataflow('patient')
    flow
      .input('in', new Trickle())
      .pipe(mapAsync('call', () => new Promise<number>(() => {}), { concurrency: 2 }))
      .output('out', new TestingSink())
    const patient = new Patient(flow, {}, new VirtualRuntime())
    await patient.pass(1000)
    expect(saying(await patient.found('speed', 3000))).to.match(
      /bad: "call" on worker 0 took nothing for 3 s while \d+ items wait/,
    )
  })

  it('tells that nothing is kept, and of snapshots that are late', async () => {
    const flow = () => {
      const made = dataflow('patient')
      made.input('in', new Trickle()).output('out', new TestingSink())
      return made
    }
    const forgetful = new Patient(flow(), {}, new VirtualRuntime())
    await forgetful.pass(1000)
    expect(saying(await forgetful.found('recovery', 1000))).to.match(/^note: No snapshots are kept/)
    const recovery = new MemoryStore()
    const durable = new Patient(flow(), { recovery, epochInterval: 100 }, new VirtualRuntime())
    await durable.pass(1000)
    const before = await durable.look()
    await durable.pass(1000)
    const of = (after: FlowNow): string =>
      saying(examine({ before, after }).filter(({ about }) => about === 'recovery'))
    expect(of(await durable.look(0.1))).to.match(/^good: Epoch \d+ .* snapshot is 100 ms old/)
    expect(of(await durable.look(90))).to.match(/^bad: The newest snapshot is 90 s old/)
    const look = await durable.look(0.1)
    const archive = {
      lagEpochs: 9,
      lagBytes: 9,
      lagMillis: 3_600_000,
      failures: 1,
      dropped: 0,
      sent: 0,
    }
    const workers = look.workers.map((worker) => ({
      ...worker,
      recorder: worker.recorder === null ? null : { ...worker.recorder, archive },
    }))
    expect(of({ ...look, workers })).to.match(/^bad: The archive is 60 min behind the store/)
  })

  it('counts failed items, dead letters and circuits that are open', async () => {
    const flow = dataflow('patient')
    const policy: ErrorPolicy = {
      retry: { attempts: 50, backoff: 1 },
      circuit: { failures: 2, coolDown: 3_600_000 },
    }
    const poison = (n: number): number => {
      if (n === 3) throw new RangeError('no threes')
      return n
    }
    const up = flow.input('in', new Trickle())
    up.pipe(withPolicy({ deadLetter: new TestingSink() }, map('buries', poison))).output(
      'a',
      new TestingSink(),
    )
    up.pipe(withPolicy(policy, map('rests', poison))).output('b', new TestingSink())
    const patient = new Patient(flow, {}, new VirtualRuntime())
    await patient.pass(1000)
    const found = saying(await patient.found('errors', 1000))
    expect(found).to.match(/bad: "rests" on worker 0 rests: .* opened 1 times/)
    expect(found).to.match(
      /note: "buries" has passed over \d+ failed items?.* kept as dead letters/,
    )
  })

  it('names the step that is at work nearly all of the time', async () => {
    const flow = dataflow('patient')
    flow
      .input('in', new Trickle())
      .pipe(map('slow', (n) => n))
      .output('out', new TestingSink())
    const patient = new Patient(flow, {}, new VirtualRuntime())
    await patient.look()
    await patient.pass(1000)
    const before = await patient.look()
    await patient.pass(3000)
    const after = await patient.look()
    // Nothing takes any time in virtual time.
    const workers = after.workers.map((worker) => ({
      ...worker,
      steps: worker.steps.map((step) =>
        step.step === 'slow' ? { ...step, batches: { ...step.batches, sum: 2850 } } : step,
      ),
    }))
    const found = (looks: FlowNow): string =>
      saying(examine({ before, after: looks }).filter(({ about }) => about === 'speed'))
    expect(found(after)).to.match(/^good/)
    expect(found({ ...after, workers })).to.match(
      /^note: "slow" on worker 0 is the slowest: it is at work 95 % of the time/,
    )
  })
})
