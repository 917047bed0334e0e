import { expect } from 'chai'
import {
  AbortExecution,
  type Dataflow,
  DynamicSink,
  dataflow,
  FixedPartitionedSource,
  run,
  type StatefulSourcePartition,
  StatelessSinkPartition,
} from 'tidemark'
import { map } from 'tidemark/operators'
import { runMain, TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'

const failureOf = (done: Promise<unknown>): Promise<unknown> =>
  done.then(
    () => null,
    (error: unknown) => error,
  )

const passing = (source: TestingSource<number>, sink: TestingSink<number>): Dataflow => {
  const flow = dataflow('passing')
  flow
    .input('in', source)
    .pipe(map('same', (item) => item))
    .output('out', sink)
  return flow
}

describe('A source that aborts', () => {
  it('ends the run with AbortExecution after what came before it was written', async () => {
    const sink = new TestingSink<number>()
    const source = new TestingSource([0, 1, 2, TestingSource.ABORT, 3, 4])
    const failure = await failureOf(run(passing(source, sink), { epochInterval: 5000 }))
    expect(failure).to.be.instanceOf(AbortExecution)
    expect(sink.items).to.deep.equal([0, 1, 2])
  })

  it('waits for a slow sink to write it', async () => {
    const items: number[] = []
    const runtime = new VirtualRuntime()
    const flow = dataflow('slow')
    flow
      .input('in', new TestingSource([0, 1, TestingSource.ABORT], { batchSize: 1 }))
      .output('out', new SlowSink(runtime, items))
    const failure = await failureOf(runMain(flow, { runtime, epochInterval: 0 }))
    expect(failure).to.be.instanceOf(AbortExecution)
    expect(items).to.deep.equal([0, 1])
  })

  it('fails the run also while it opens', async () => {
    const flow = dataflow('opening')
    flow.input('in', new AbortingSource()).output('out', new TestingSink())
    const runtime = new VirtualRuntime()
    expect(await failureOf(runMain(flow, { runtime }))).to.be.instanceOf(AbortExecution)
  })
})

describe('A sink that aborts', () => {
  it('fails the run at once', async () => {
    const flow = dataflow('aborting-sink')
    flow.input('in', new TestingSource([0, 1, 2])).output('out', new AbortingSink())
    const runtime = new VirtualRuntime()
    expect(await failureOf(runMain(flow, { runtime, epochInterval: 0 }))).to.be.instanceOf(
      AbortExecution,
    )
  })
})

class SlowSink extends DynamicSink<number> {
  readonly #runtime: VirtualRuntime
  readonly #items: number[]

  constructor(runtime: VirtualRuntime, items: number[]) {
    super()
    this.#runtime = runtime
    this.#items = items
  }

  override build(): StatelessSinkPartition<number> {
    const runtime = this.#runtime
    const items = this.#items
    return new (class extends StatelessSinkPartition<number> {
      override async writeBatch(batch: number[]): Promise<void> {
        await new Promise<void>((resolve) => runtime.after(1000, resolve))
        items.push(...batch)
      }
    })()
  }
}

class AbortingSink extends DynamicSink<number> {
  override build(): StatelessSinkPartition<number> {
    return new (class extends StatelessSinkPartition<number> {
      override async writeBatch(): Promise<void> {
        throw new AbortExecution()
      }
    })()
  }
}

class AbortingSource extends FixedPartitionedSource<number, number> {
  override listParts(): string[] {
    return ['a']
  }

  override buildPart(): StatefulSourcePartition<number, number> {
    throw new AbortExecution()
  }
}
