import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import {
  BuildError,
  type Dataflow,
  DynamicSink,
  dataflow,
  type RunOptions,
  run,
  StatelessSinkPartition,
} from 'tidemark'
import { keyOn, map, statefulMap } from 'tidemark/operators'
import { setupTracing, type TracingOptions } from 'tidemark/ops'
import { MemoryStore, TestingSink, TestingSource } from 'tidemark/testing'
import { Collector, type TakenSpan } from './collector.ts'

const numbers = Array.from({ length: 100 }, (_, n) => n)

class SlowPart extends StatelessSinkPartition<unknown> {
  override async writeBatch(): Promise<void> {
    await Promise.resolve()
  }
}

class Slow extends DynamicSink<unknown> {
  override build(): SlowPart {
    return new SlowPart()
  }
}

const sums = (): Dataflow => {
  const flow = dataflow('sums')
  flow
    .input('in', new TestingSource(numbers, { batchSize: 10 }))
    .pipe(
      map('plain', (n) => n),
      keyOn('key', String),
      statefulMap('sum', (sum: number | null, n) => [(sum ?? 0) + n, n] as const),
    )
    .output('out', new Slow())
  return flow
}

const idsOf = (spans: readonly TakenSpan[]): readonly string[] => [
  ...new Set(spans.map(({ traceId }) => traceId)),
]

describe('Tracing', () => {
  let collector: Collector

  beforeEach(async () => {
    collector = await Collector.open()
  })

  afterEach(() => collector.close())

  const traced = async (
    flow: Dataflow | Parameters<typeof run>[0],
    options: RunOptions = {},
    tracingOptions: TracingOptions = {},
  ): Promise<void> => {
    const tracing = await setupTracing({ endpoint: collector.endpoint, ...tracingOptions })
    try {
      await run(flow, { ...options, tracing })
    } finally {
      await tracing.shutdown()
    }
  }

  it('tells of the run, its epochs, and what each step did in them', async () => {
    await traced(sums(), { recovery: new MemoryStore() }, { serviceName: 'spec' })
    const [runSpan] = collector.named('tidemark.run')
    expect(runSpan?.attributes).to.include({
      'tidemark.flow': 'sums',
      'tidemark.workers': 1,
      'tidemark.items.in': 100,
    })
    expect(runSpan?.parentSpanId).to.equal('')
    const [resume] = collector.named('tidemark.resume')
    expect(resume?.parentSpanId).to.equal(runSpan?.spanId)
    expect(resume?.traceId).to.equal(runSpan?.traceId)

    // What has been read belongs to the epoch that was open then.
    const [poll] = collector.named('tidemark.poll')
    expect(poll?.attributes).to.include({ 'tidemark.step': 'in', 'tidemark.items': 100 })
    const inEpoch = collector.spans.filter(({ traceId }) => traceId === poll?.traceId)
    const epoch = inEpoch.find(({ name }) => name === 'tidemark.epoch')
    expect(epoch?.parentSpanId).to.equal('')
    expect(epoch?.links).to.deep.equal([{ traceId: runSpan?.traceId, spanId: runSpan?.spanId }])
    const share = inEpoch.find(({ name }) => name === 'tidemark.worker')
    expect(share?.parentSpanId).to.equal(epoch?.spanId)
    expect(poll?.parentSpanId).to.equal(share?.spanId)
    const steps = inEpoch.filter(({ name }) => name === 'tidemark.step')
    const [of] = steps
    expect(of?.parentSpanId).to.equal(share?.spanId)
    expect(new Set(steps.map(({ attributes }) => attributes['tidemark.step']))).to.deep.equal(
      new Set(['plain', 'sum', 'out']),
    )
    const writes = inEpoch.filter(({ name }) => name === 'tidemark.write')
    const written = writes.map(({ attributes }) => Number(attributes['tidemark.items']))
    expect(written.reduce((a, b) => a + b, 0)).to.equal(100)
    expect(inEpoch.some(({ name }) => name === 'tidemark.snapshot')).to.equal(true)
    for (const { began, ended, service } of collector.spans) {
      expect(began <= ended).to.equal(true)
      expect(service).to.equal('spec')
    }
  })

  it('has one trace of an epoch for two workers', async () => {
    await traced(sums(), { workers: 2 })
    const shares = collector
      .named('tidemark.worker')
      .filter(({ attributes }) => attributes['tidemark.epoch'] === 1)
    expect(shares.map(({ attributes }) => attributes['tidemark.worker'])).to.have.members([0, 1])
    expect(idsOf(shares)).to.have.length(1)
    expect(new Set(shares.map(({ parentSpanId }) => parentSpanId)).size).to.equal(1)
  })

  it('has one trace of an epoch for two threads @long', async () => {
    const module = new URL('../flows/traced.ts', import.meta.url).href
    await traced({ module, export: 'flow' }, { workers: 2 })
    const [epoch] = collector
      .named('tidemark.epoch')
      .filter(({ attributes }) => attributes['tidemark.epoch'] === 1)
    const shares = collector
      .named('tidemark.worker')
      .filter(({ traceId }) => traceId === epoch?.traceId)
    expect(shares.map(({ attributes }) => attributes['tidemark.worker'])).to.have.members([0, 1])
    for (const { parentSpanId } of shares) expect(parentSpanId).to.equal(epoch?.spanId)
    const sum = collector
      .named('tidemark.step')
      .filter(({ attributes }) => attributes['tidemark.step'] === 'sum')
    expect(new Set(sum.map(({ attributes }) => attributes['tidemark.worker'])).size).to.equal(2)
  })

  it('keeps the traces of two runs apart', async () => {
    await traced(sums())
    await traced(sums())
    expect(idsOf(collector.named('tidemark.run'))).to.have.length(2)
    expect(idsOf(collector.named('tidemark.epoch'))).to.have.length(
      collector.named('tidemark.epoch').length,
    )
  })

  it('samples whole epochs, the same ones on every worker', async () => {
    const flow = dataflow('many')
    flow
      .input('in', new TestingSource(Array.from({ length: 400 }, (_, n) => n)))
      .output('out', new TestingSink())
    await traced(flow, { epochInterval: 0, workers: 2 }, { samplingRatio: 0.25 })
    const shares = collector.named('tidemark.worker')
    const epochs = new Set(shares.map(({ attributes }) => attributes['tidemark.epoch']))
    // 400 epochs, each with a chance of a quarter: six deviations to both sides.
    expect(epochs.size).to.be.within(48, 152)
    const told = collector.named('tidemark.epoch')
    expect(new Set(told.map(({ attributes }) => attributes['tidemark.epoch']))).to.deep.equal(
      epochs,
    )
    expect(collector.named('tidemark.run')).to.have.length(1)
  })

  it('sends nothing at a ratio of 0', async () => {
    await traced(sums(), {}, { samplingRatio: 0 })
    expect(collector.spans).to.deep.equal([])
  })

  it('records what made a step fail, in its epoch and in the run', async () => {
    const flow = dataflow('fails')
    flow
      .input('in', new TestingSource(numbers, { batchSize: 10 }))
      .pipe(
        map('breaks', (n) => {
          if (n === 42) throw new RangeError('no forty-two')
          return n
        }),
      )
      .output('out', new TestingSink())
    let failed = false
    await traced(flow).catch(() => {
      failed = true
    })
    expect(failed).to.equal(true)
    const failures = collector.spans.filter((span) => span.failed)
    const names = new Set(failures.map(({ name }) => name))
    expect(names).to.include.keys('tidemark.run', 'tidemark.step', 'tidemark.epoch')
    const step = failures.find(({ name }) => name === 'tidemark.step')
    expect(step?.attributes['tidemark.step']).to.equal('breaks')
    expect(step?.exceptions[0]).to.contain('no forty-two')
  })

  it('records no more than a rate, and says how much was left out', async () => {
    const flow = dataflow('crowd')
    const source = new TestingSource(
      Array.from({ length: 50_000 }, (_, n) => n),
      { batchSize: 400 },
    )
    flow.input('in', source).output('out', new TestingSink())
    await traced(flow)
    const left = collector
      .named('tidemark.worker')
      .reduce((sum, { attributes }) => sum + Number(attributes['tidemark.untraced']), 0)
    expect(left).to.be.above(0)
    expect(collector.named('tidemark.poll').length).to.be.below(100)
  })

  it('leaves a flow alone whose collector is away', async () => {
    const { endpoint } = collector
    await collector.close()
    const tracing = await setupTracing({ endpoint })
    const flow = dataflow('away')
    const sink = new TestingSink<number>()
    flow
      .input('in', new TestingSource(Array.from({ length: 3000 }, (_, n) => n)))
      .output('out', sink)
    const { itemsOut } = await run(flow, { tracing, epochInterval: 0 })
    expect(itemsOut).to.equal(3000)
    await tracing.shutdown()
    collector = await Collector.open()
  })

  it('sends the headers it is given', async () => {
    await traced(sums(), {}, { headers: { authorization: 'Bearer it' } })
    expect(collector.headers[0]?.['authorization']).to.equal('Bearer it')
  })

  it('refuses options that can not be', async () => {
    for (const options of [
      { samplingRatio: 1.5 },
      { samplingRatio: Number.NaN },
      { endpoint: 'collector:4318' },
      { endpoint: 'nowhere' },
    ]) {
      const refused = await setupTracing(options).then(
        () => null,
        (error: unknown) => error,
      )
      expect(refused, JSON.stringify(options)).to.be.instanceOf(BuildError)
    }
  })

  it('loads nothing of OpenTelemetry until it is asked for', () => {
    const program = `
      import { createRequire } from 'node:module'
      import { dataflow, run, fromIterable } from 'tidemark'
      import { openMetrics, setupTracing } from 'tidemark/ops'
      import { TestingSink } from 'tidemark/testing'
      const { cache } = createRequire(import.meta.url)
      const loaded = () => Object.keys(cache).filter((file) => file.includes('@opentelemetry')).length
      const flow = dataflow('plain')
      flow.input('in', fromIterable([1, 2, 3])).output('out', new TestingSink())
      await run(flow)
      const without = loaded()
      const tracing = await setupTracing({ samplingRatio: 0 })
      await tracing.shutdown()
      process.stdout.write(JSON.stringify([typeof openMetrics, without, loaded() > 10]))`
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--conditions=source', '--import=tsx', '--input-type=module', '--eval', program],
      { encoding: 'utf8' },
    )
    expect(stderr).to.equal('')
    expect(JSON.parse(stdout)).to.deep.equal(['function', 0, true])
  })
})
