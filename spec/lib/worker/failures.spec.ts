import { expect } from 'chai'
import { type Dataflow, dataflow, StepError } from 'tidemark'
import { keyOn } from 'tidemark/operators'
import { clusterMain, MemoryStore, VirtualRuntime } from 'tidemark/testing'
import {
  Ledger,
  type Trouble,
  TroubledPartsSink,
  TroubledSink,
  TroubledSource,
} from '../../support/troubled.ts'

const flowOf = (ledger: Ledger): Dataflow => {
  const flow = dataflow('troubled')
  const numbers = flow.input('in', new TroubledSource(ledger))
  numbers.output('out', new TroubledSink(ledger))
  numbers
    .pipe(keyOn('key', (n) => 'k'.repeat(n % 3)))
    .output('parts', new TroubledPartsSink(ledger))
  return flow
}

/** Runs the flow into trouble; gives what it failed with and what is open still. */
const fallen = async (trouble: Trouble, workers: number) => {
  const ledger = new Ledger(trouble)
  const runtime = new VirtualRuntime({ seed: workers })
  const options = { workers, runtime, recovery: new MemoryStore(), epochInterval: 0 }
  const failure: unknown = await clusterMain(flowOf(ledger), options).then(
    () => null,
    (error: unknown) => error,
  )
  // What was still being opened is let go of when it is.
  await runtime.advance({ seconds: 60 })
  const open = ledger.opened.filter((name) => !ledger.closed.includes(name))
  return { failure, open }
}

const PLACES = [
  ['listParts', 'troubled.in'],
  ['buildPart', 'troubled.in'],
  ['nextBatch', 'troubled.in'],
  ['nextAwake', 'troubled.in', 'sync'],
  ['snapshot', 'troubled.in', 'sync'],
  ['close', 'troubled.in'],
  ['build', 'troubled.out'],
  ['writeBatch', 'troubled.out'],
  ['sink close', 'troubled.out'],
  ['sink listParts', 'troubled.parts'],
  ['partFor', 'troubled.parts', 'sync'],
  ['sink buildPart', 'troubled.parts'],
  ['part writeBatch', 'troubled.parts'],
  ['flush', 'troubled.parts'],
  ['sink snapshot', 'troubled.parts', 'sync'],
] as const

describe('User code of sources and sinks that fails', () => {
  for (const [at, step, only] of PLACES) {
    for (const later of only === 'sync' ? [false] : [false, true]) {
      for (const workers of [1, 3]) {
        it(`ends the run as a StepError of its step: ${at} ${later ? 'rejects' : 'throws'}, ${workers} workers`, async () => {
          const { failure, open } = await fallen({ at, later }, workers)
          expect(failure).to.be.instanceOf(StepError)
          const { stepId, callback, cause } = failure as StepError
          expect(stepId).to.equal(step)
          expect(callback).to.equal(at.split(' ').at(-1))
          expect(cause).to.have.property('name', 'Troubled')
          expect(open).to.deep.equal([])
        })
      }
    }
  }

  for (const at of ['buildPart', 'sink buildPart', 'build']) {
    it(`closes what opens only after the run has failed in ${at}`, async () => {
      const { failure, open } = await fallen({ at, later: true, opening: 1000 }, 3)
      expect(failure).to.be.instanceOf(StepError)
      expect(open).to.deep.equal([])
    })
  }
})

describe('Names of partitions', () => {
  const failureWith = async (names: readonly string[], partFor?: number): Promise<unknown> => {
    const flow = dataflow('names')
    const ledger = new Ledger({ at: 'nowhere', later: false })
    const sink = new TroubledPartsSink(ledger)
    if (partFor !== undefined) sink.partFor = () => partFor
    flow
      .input('in', new TroubledSource(ledger, names))
      .pipe(keyOn('key', () => 'k'))
      .output('out', sink)
    return clusterMain(flow, { workers: 2, runtime: new VirtualRuntime() }).catch(
      (error: unknown) => error,
    )
  }

  it('are refused where one comes twice', async () => {
    const failure = await failureWith(['a', 'b', 'a'])
    expect(failure).to.be.instanceOf(StepError)
    expect((failure as Error).message)
      .to.include('"names.in"')
      .to.include('"a" twice')
  })

  it('are chosen by whole numbers, and of any size and sign', async () => {
    expect(await failureWith(['a'], Number.NaN)).to.be.instanceOf(StepError)
    expect(await failureWith(['a'], 0.5)).to.be.instanceOf(StepError)
    expect(await failureWith(['a'], -7)).to.have.property('reason', 'eof')
  })

  it('may be none at all, and fewer than workers', async () => {
    expect(await failureWith([])).to.include({ reason: 'eof', itemsIn: 0 })
  })
})
