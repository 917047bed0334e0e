import { expect } from 'chai'
import {
  AbortExecution,
  DynamicSink,
  dataflow,
  EOF,
  FixedPartitionedSource,
  type Polled,
  type Runtime,
  run,
  StatefulSourcePartition,
  StatelessSinkPartition,
  start,
} from 'tidemark'
import { MemoryStore, TestingSink, VirtualRuntime } from 'tidemark/testing'

const silent = { info: () => {}, warn: () => {}, error: () => {} }

/** A log that others write to; who comes without a position reads from its end on. */
class Tail extends FixedPartitionedSource<number, number> {
  readonly resumes: (number | null)[] = []
  readonly told: number[] = []
  end = 0
  /** What happens before each item is read. */
  before: () => void = () => {}
  readonly #runtime: Runtime | null

  /** With a runtime it gives an item a millisecond. */
  constructor(runtime: Runtime | null = null) {
    super()
    this.#runtime = runtime
  }

  get due(): number | null {
    return this.#runtime === null ? null : this.#runtime.now() + 1
  }

  override listParts(): string[] {
    return ['all']
  }

  override buildPart(_stepId: string, _part: string, resume: number | null): TailPartition {
    this.resumes.push(resume)
    return new TailPartition(this, resume ?? this.end)
  }
}

class TailPartition extends StatefulSourcePartition<number, number> {
  readonly #tail: Tail
  #at: number
  #due: number | null = null

  constructor(tail: Tail, at: number) {
    super()
    this.#tail = tail
    this.#at = at
  }

  override nextBatch(): Polled<number> {
    this.#tail.before()
    if (this.#at >= this.#tail.end) return EOF
    this.#due = this.#tail.due
    this.#at += 1
    return [this.#at - 1]
  }

  override nextAwake(): number | null {
    return this.#due
  }

  override snapshot(): number {
    return this.#at
  }

  override onCommit(position: number): void {
    this.#tail.told.push(position)
  }
}

/** Takes a batch in so many milliseconds. */
class SlowSink extends DynamicSink<number> {
  #runtime: Runtime | null = null
  readonly #millis: number

  constructor(millis: number) {
    super()
    this.#millis = millis
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#runtime = runtime
  }

  override build(): StatelessSinkPartition<number> {
    return new SlowPartition(
      () => new Promise((resolve) => this.#runtime?.after(this.#millis, () => resolve())),
    )
  }
}

class SlowPartition extends StatelessSinkPartition<number> {
  readonly #wait: () => Promise<void>

  constructor(wait: () => Promise<void>) {
    super()
    this.#wait = wait
  }

  override writeBatch(): Promise<void> {
    return this.#wait()
  }
}

describe('The position of a source', () => {
  for (const workers of [1, 2]) {
    it(`is durable before its first item: a death in the first epoch leaves no gap (${workers} workers)`, async () => {
      const tail = new Tail()
      tail.end = 5
      const sink = new TestingSink<number>()
      const store = new MemoryStore({ partitions: 2 })
      const flow = dataflow('tails')
      flow.input('in', tail).output('out', sink)
      tail.before = () => {
        // Others write on, and then the process dies, before anything was read.
        tail.end = 9
        throw new AbortExecution()
      }
      const options = { recovery: store, epochInterval: 60_000, workers, logger: silent }
      await run(flow, options).catch(() => {})
      tail.before = () => {}
      await run(flow, options)
      expect(tail.resumes).to.deep.equal([null, 5])
      expect(sink.items).to.deep.equal([5, 6, 7, 8])
    })
  }

  it('is told to the source once it is durable, and not while the store can not be written', async () => {
    const runtime = new VirtualRuntime({ seed: 1 })
    let failing = false
    const store = new MemoryStore({ partitions: 2, fate: () => (failing ? 'lost' : 'done') })
    const tail = new Tail(runtime)
    const flow = dataflow('tells')
    flow.input('in', tail).output('out', new TestingSink<number>())
    tail.before = () => {
      if (runtime.elapsed < 5000) tail.end += 1
    }
    const execution = start(flow, { recovery: store, epochInterval: 20, runtime, logger: silent })
    let before = 0
    runtime.after(500, () => {
      failing = true
    })
    // What was under way when the disk failed has been told of by then.
    runtime.after(600, () => {
      before = tail.told.length
    })
    runtime.after(3000, () => {
      expect(before).to.be.greaterThan(2)
      expect(tail.told.length).to.equal(before)
      failing = false
    })
    await runtime.run(execution.done)
    expect(tail.told.length).to.be.greaterThan(before)
    expect(tail.told).to.deep.equal([...tail.told].sort((a, b) => a - b))
    expect(tail.told.at(-1)).to.equal(tail.end)
  })
})

describe('An epoch', () => {
  it('is as long as it should be, however slow a sink is', async () => {
    const runtime = new VirtualRuntime({ seed: 1 })
    const tail = new Tail(runtime)
    const flow = dataflow('slow')
    flow.input('in', tail).output('out', new SlowSink(700))
    tail.before = () => {
      tail.end += 1
    }
    const execution = start(flow, {
      recovery: new MemoryStore(),
      epochInterval: 100,
      runtime,
      logger: silent,
    })
    const epochs: number[] = []
    for (const at of [1000, 2000, 3000]) {
      runtime.after(at, () => epochs.push(execution.metrics().epoch))
    }
    runtime.after(3000, () => void execution.stop())
    await runtime.run(execution.done)
    const [first = 0, second = 0, third = 0] = epochs
    expect(second - first).to.be.within(9, 11)
    expect(third - second).to.be.within(9, 11)
  })
})
