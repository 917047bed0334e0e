import { expect } from 'chai'
import { DynamicSink, dataflow, StatelessSinkPartition, StepError } from 'tidemark'
import { keyOn, map, statefulMap } from 'tidemark/operators'
import { DeadlockError, MemoryStore, simulate, TestingSink, TestingSource } from 'tidemark/testing'
import { PartsSource } from '../support/parts-source.ts'

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

const counting = (source = new PartsSource([numbers(100), numbers(100)], { slow: 5 })) => {
  const sink = new TestingSink<readonly [string, number]>()
  const flow = dataflow('counting')
  flow
    .input('in', source)
    .pipe(
      keyOn('key', (n) => `k${n % 3}`),
      statefulMap('count', (count: number | null) => [(count ?? 0) + 1, (count ?? 0) + 1]),
    )
    .output('out', sink)
  return { flow, sink }
}

describe('simulate', () => {
  it('tells of each execution, its outputs and its end', async () => {
    const { flow } = counting()
    const { executions, summary, hash } = await simulate(flow, {
      seed: 3,
      workers: [3, 2, 1],
      epochInterval: 10,
      faults: { crashes: 2, within: 100 },
    })
    expect(executions.map(({ workers, outcome }) => [workers, outcome])).to.deep.equal([
      [3, 'crashed'],
      [2, 'crashed'],
      [1, 'ended'],
    ])
    expect(executions.at(-1)?.summary).to.equal(summary)
    expect(summary.reason).to.equal('eof')
    expect(hash).to.match(/^[0-9a-f]{16}$/)
    const outputs = executions.flatMap((each) => each.outputs.get('out') ?? [])
    // A sink without positions sees an epoch again after a crash, and every count at least once.
    const counts = new Set(outputs.map(String))
    expect(counts.size).to.equal(200)
  })

  it('gives the same run for the same seed, byte for byte', async () => {
    const options = {
      seed: 11,
      workers: [2, 4],
      epochInterval: 0,
      faults: { crashes: 1, pauses: 2 },
    }
    const first = await simulate(counting().flow, options)
    const second = await simulate(counting().flow, options)
    expect(second).to.deep.equal(first)
    expect((await simulate(counting().flow, { ...options, seed: 12 })).hash).to.not.equal(
      first.hash,
    )
  })

  it('does all of it again with the faults that it told of, drawn ones too', async () => {
    for (const seed of [1, 2, 3]) {
      const options = { seed, workers: [3, 2], epochInterval: 10, faults: 'any' } as const
      const first = await simulate(counting().flow, options)
      const again = await simulate(counting().flow, { ...options, faults: first.faults })
      expect(again).to.deep.equal(first)
    }
  })

  it('names the seed where a check fails, and keeps the error', async () => {
    const { flow } = counting()
    const failure = await simulate(flow, {
      seed: 41,
      faults: {},
      check: () => {
        expect(1).to.equal(2)
      },
    }).catch((error: unknown) => error)
    expect(failure).to.have.property('name', 'AssertionError')
    expect((failure as Error).message).to.include('simulate(flow, {"seed":41,')
  })

  it('gives a worker up that nobody hears, and goes on with the next execution', async () => {
    const { flow } = counting()
    const { executions, outputs } = await simulate(flow, {
      seed: 4,
      workers: 3,
      epochInterval: 10,
      faults: {
        network: { loss: 0, duplicates: 0, partitions: 0, clogs: 0, outages: 0 },
        events: [
          { execution: 0, task: 150, kind: 'partition', worker: 1, way: 'out', millis: 9000 },
        ],
      },
    })
    expect(executions.map(({ outcome }) => outcome)).to.deep.equal(['lost', 'ended'])
    expect(new Set(outputs.get('out')?.map(String)).size).to.equal(200)
  })

  it('reports a dead-lock although heartbeats go on', async () => {
    const flow = dataflow('stuck')
    flow.input('in', new TestingSource([1, 2])).output('out', new Hanging())
    const faults = { network: { partitions: 0, clogs: 0, outages: 0 } }
    const failure = await simulate(flow, { workers: 2, faults }).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(DeadlockError)
  })

  it('goes on behind an abort as behind a crash', async () => {
    const source = new TestingSource([1, 2, TestingSource.ABORT, 3])
    const sink = new TestingSink<number>()
    const flow = dataflow('aborting')
    flow.input('in', source).output('out', sink)
    const { executions } = await simulate(flow, { epochInterval: 0, faults: {} })
    expect(executions.map(({ outcome }) => outcome)).to.deep.equal(['aborted', 'ended'])
    expect(sink.items).to.deep.equal([1, 2, 3])
  })

  it('begins anew where no snapshots are kept', async () => {
    const { flow } = counting(new PartsSource([numbers(50)], { slow: 5 }))
    const { executions } = await simulate(flow, { store: null, faults: { crashes: 1, within: 20 } })
    expect(executions.at(-1)?.outputs.get('out')?.length).to.equal(50)
  })

  it('keeps a store that is brought along from one simulation to the next', async () => {
    const store = new MemoryStore()
    const { flow } = counting()
    expect((await simulate(flow, { store, faults: {} })).summary.itemsIn).to.equal(200)
    expect((await simulate(flow, { store, faults: {} })).summary.itemsIn).to.equal(0)
  })

  it('survives a disk that fails, and says so', async () => {
    const { flow } = counting()
    const { messages } = await simulate(flow, {
      seed: 5,
      epochInterval: 5,
      faults: { disk: { failures: 0.3 } },
    })
    expect(messages.join('\n')).to.include('could not be written')
  })

  it('fails with what the flow fails with', async () => {
    const flow = dataflow('failing')
    flow
      .input('in', new TestingSource([1]))
      .pipe(
        map('throws', () => {
          throw new Error('no')
        }),
      )
      .output('out', new TestingSink())
    const failure = await simulate(flow, { faults: {} }).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(StepError)
  })

  it('says what each actor waits for when nothing can go on', async () => {
    const flow = dataflow('stuck')
    flow.input('in', new TestingSource([1, 2])).output('out', new Hanging())
    const failure = await simulate(flow, { workers: 2, faults: {} }).catch(
      (error: unknown) => error,
    )
    expect(failure).to.be.instanceOf(DeadlockError)
    expect((failure as Error).message)
      .to.include('out at epoch')
      .and.include('1 pending calls')
  })
})

class Hanging extends DynamicSink<number> {
  override build(): StatelessSinkPartition<number> {
    return new (class extends StatelessSinkPartition<number> {
      override writeBatch(): Promise<void> {
        return new Promise(() => {})
      }
    })()
  }
}
