import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { expectTypeOf } from 'expect-type'
import { of } from 'rxjs'
import {
  AbortExecution,
  BuildError,
  batchAsync,
  batchGetter,
  ClusterError,
  ConnectorError,
  CorruptPartitionError,
  Dataflow,
  DynamicSink,
  DynamicSource,
  dataflow,
  EOF,
  Execution,
  FixedPartitionedSink,
  FixedPartitionedSource,
  fromAsyncIterable,
  fromIterable,
  InconsistentPartitionsError,
  KeyedStream,
  LockedPartitionError,
  MissingPartitionsError,
  NoPartitionsError,
  RecoveryError,
  RecoveryStore,
  Retry,
  type RunOptions,
  run,
  SimplePollingSource,
  StatefulBatchLogic,
  StatefulLogic,
  StatefulSinkPartition,
  StatefulSourcePartition,
  StatelessSinkPartition,
  StatelessSourcePartition,
  StepError,
  Stream,
  type Summary,
  scoped,
  start,
  TidemarkError,
  TransactionalSink,
  TransactionalSinkPartition,
  WriteAheadPartition,
  WriteAheadSink,
  withPolicy,
} from 'tidemark'
import { RandomMetricSource } from 'tidemark/connectors/demo'
import { CSVSource, DirSink, DirSource, FileSink, FileSource } from 'tidemark/connectors/files'
import { fromObservable, ObservableSink } from 'tidemark/connectors/rxjs'
import { StdInSource, StdOutSink } from 'tidemark/connectors/stdio'
import { inspect, keyOn, map } from 'tidemark/operators'
import {
  clusterMain,
  ffwdIter,
  pollNextBatch,
  runMain,
  simulate,
  TestingSink,
  TestingSource,
  TimeTestingGetter,
} from 'tidemark/testing'

const PROGRAM = fileURLToPath(new URL('./contract/wordcount.ts', import.meta.url))
const COMMAND = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const COUNTS = ['["ahab\'s",1]', '["call",1]', '["me",2]', '["é",1]', '']

describe('the word count of the contract', () => {
  let cwd = ''
  const node = async (...args: string[]): Promise<string[]> => {
    const flags = ['--import', TSX, '--conditions', 'source']
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, ...args], { cwd })
    return stdout
      .split('\n')
      .sort((a, b) => Number(a === '') - Number(b === '') || (a < b ? -1 : 1))
  }

  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'tidemark-contract-'))
    await writeFile(join(cwd, 'moby-dick.txt'), "Call me\n\nAhab's É\nme\n")
  })
  after(() => rm(cwd, { recursive: true }))

  it('runs as it stands', async () => {
    expect(await node(PROGRAM)).to.deep.equal(COUNTS)
  })

  it('runs from a shell on two workers', async () => {
    expect(await node(COMMAND, 'run', PROGRAM, '-w', '2', '--no-api')).to.deep.equal(COUNTS)
  })
})

describe('sources and sinks of the contract', () => {
  /** What a flow gives that ends in a testing sink. */
  const given = async <T>(source: Parameters<typeof Dataflow.prototype.input<T>>[1]) => {
    const flow = dataflow('given')
    const sink = new TestingSink<T>()
    flow.input('in', source).output('out', sink)
    await run(flow)
    return sink.getOutput()
  }

  it('need only what is abstract, sync or async', async () => {
    class Part extends StatefulSourcePartition<number, number> {
      #n = 0
      async nextBatch(): Promise<number[] | typeof EOF> {
        return this.#n < 2 ? [this.#n++] : EOF
      }
      snapshot(): number {
        return this.#n
      }
    }
    class Parts extends FixedPartitionedSource<number, number> {
      async listParts(): Promise<string[]> {
        return ['a', 'b']
      }
      buildPart(): Part {
        return new Part()
      }
    }
    class Plain extends StatelessSourcePartition<number> {
      #n = 0
      nextBatch(): Iterable<number> | typeof EOF {
        return this.#n++ < 2 ? new Set([this.#n]) : EOF
      }
    }
    class Dynamic extends DynamicSource<number> {
      async build(_stepId: string, _workerIndex: number, _workerCount: number): Promise<Plain> {
        return new Plain()
      }
    }
    class Once extends SimplePollingSource<string> {
      #tries = 0
      constructor() {
        super({ interval: { seconds: 0 } })
      }
      async nextItem(): Promise<string | null | typeof EOF> {
        this.#tries += 1
        if (this.#tries === 1) throw new Retry(0)
        if (this.#tries > 3) return EOF
        return this.#tries === 2 ? null : 'once'
      }
    }
    expect(await given(new Parts())).to.deep.equal([0, 0, 1, 1])
    expect(await given(new Dynamic())).to.deep.equal([1, 2])
    expect(await given(new Once())).to.deep.equal(['once'])
  })

  it('write what they are given, by partition or by worker', async () => {
    const written: [string, string[]][] = []
    class Part extends StatefulSinkPartition<string, null> {
      readonly #name: string
      constructor(name: string) {
        super()
        this.#name = name
      }
      async writeBatch(values: string[]): Promise<void> {
        written.push([this.#name, [...values]])
      }
      snapshot(): null {
        return null
      }
    }
    class Parts extends FixedPartitionedSink<string, null> {
      listParts(): string[] {
        return ['p0', 'p1']
      }
      override partFor(key: string): number {
        return Number(key)
      }
      buildPart(_stepId: string, part: string, _resume: null): Part {
        return new Part(part)
      }
    }
    class Plain extends StatelessSinkPartition<string> {
      writeBatch(items: string[]): void {
        written.push(['dynamic', [...items]])
      }
    }
    class Dynamic extends DynamicSink<string> {
      build(_stepId: string, _workerIndex: number, _workerCount: number): Plain {
        return new Plain()
      }
    }
    const flow = dataflow('sinks')
    const words = flow.input('in', fromIterable(['x', 'y'], { batchSize: 1000 }))
    words.output('plain', new Dynamic())
    words.pipe(keyOn('key', (word) => (word === 'x' ? '0' : '3'))).output('parts', new Parts())
    await run(flow)
    expect(written).to.have.deep.members([
      ['dynamic', ['x', 'y']],
      ['p0', ['x']],
      ['p1', ['y']],
    ])
  })

  it('are made of iterables, generators, Observables and getters', async () => {
    const twice = async function* () {
      yield 1
      yield 2
    }
    expect(await given(fromIterable([1, 2]))).to.deep.equal([1, 2])
    expect(await given(fromIterable(() => new Set([1, 2])))).to.deep.equal([1, 2])
    expect(await given(fromAsyncIterable(twice))).to.deep.equal([1, 2])
    const source = fromObservable(of(1, 2), { buffer: 1024, overflow: 'dropOldest' })
    expect(await given(source)).to.deep.equal([1, 2])
    const batches: number[][] = []
    for await (const batch of batchAsync(twice(), { timeout: { seconds: 1 }, maxSize: 1 })) {
      batches.push(batch)
    }
    expect(batches).to.deep.equal([[1], [2]])
    expect(batchGetter(() => null, 3).next().value).to.deep.equal([])
    const sink = new ObservableSink<number>()
    const seen: number[] = []
    sink.items$.subscribe((item) => seen.push(item))
    const flow = dataflow('seen')
    flow.input('in', fromIterable([1, 2])).output('out', sink)
    await run(flow)
    expect(seen).to.deep.equal([1, 2])
  })

  it('connect with the options that the contract names', () => {
    const made = [
      new FileSource('p', { batchSize: 1000, follow: false }),
      new DirSource('d', { glob: '*', batchSize: 10 }),
      new CSVSource('p', { batchSize: 10, delimiter: ';' }),
      new FileSink('p', { end: '\n', overwrite: true }),
      new DirSink('d', {
        fileCount: 2,
        fileName: (index) => `f${index}`,
        assignFile: (key) => key.length,
        end: '\n',
      }),
      new StdInSource(),
      new StdOutSink(),
      new RandomMetricSource('volts', { interval: 700, count: 3, next: () => 42, seed: 1 }),
    ]
    for (const each of made) expect(each).to.be.an('object')
  })

  it('have base classes for output outside', () => {
    for (const Base of [
      TransactionalSink,
      TransactionalSinkPartition,
      WriteAheadSink,
      WriteAheadPartition,
    ]) {
      expect(Base).to.be.a('function')
    }
  })
})

describe('running, errors and the kit of the contract', () => {
  const numbers = (): { flow: Dataflow; sink: TestingSink<number> } => {
    const flow = dataflow('numbers')
    const sink = new TestingSink<number>()
    const increased = scoped('outer', (up: Stream<number>) => up.pipe(map('inner', (n) => n + 1)))
    flow
      .input('in', new TestingSource([0, 1, 2], { batchSize: 1 }))
      .pipe(
        withPolicy('skip', increased),
        inspect('seen', () => {}),
      )
      .output('out', sink)
    return { flow, sink }
  }

  it('gives a run to look at, to ask and to stop', async () => {
    const { flow, sink } = numbers()
    expect(flow).to.be.instanceOf(Dataflow)
    const options: RunOptions = {
      epochInterval: { seconds: 10 },
      workers: 2,
      signal: new AbortController().signal,
      onError: 'stop',
    }
    const execution = start(flow, options)
    expect(execution).to.be.instanceOf(Execution)
    const events: unknown[] = []
    execution.events$.subscribe((event) => events.push(event))
    expect(execution.metrics()).to.be.an('object')
    const summary: Summary = await execution.done
    expect(summary).to.include({ reason: 'eof', itemsIn: 3, itemsOut: 3, skipped: 0 })
    expect(summary.epoch).to.be.a('number')
    expect(await execution.stop({ drain: true })).to.deep.equal(summary)
    expectTypeOf(execution.query('outer.inner', 'key')).toEqualTypeOf<Promise<unknown>>()
    await execution.query('outer.inner', 'key').catch(() => null)
    expect(sink.items.sort()).to.deep.equal([1, 2, 3])
  })

  it('keeps snapshots in a directory that is made, opened or named', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tidemark-contract-'))
    try {
      await run(numbers().flow, { recovery: await RecoveryStore.init(join(dir, 'a'), 2) })
      await run(numbers().flow, { recovery: await RecoveryStore.open(join(dir, 'a')) })
      const recovery = { dir: join(dir, 'b'), partitions: 4, backupInterval: { hours: 1 } }
      await run(numbers().flow, { recovery, logger: { info() {}, warn() {}, error() {} } })
      const missing = await RecoveryStore.open(join(dir, 'c')).catch((error: unknown) => error)
      expect(missing).to.be.instanceOf(NoPartitionsError)
    } finally {
      await rm(dir, { recursive: true })
    }
  })

  it('has one tree of errors', () => {
    for (const Kind of [BuildError, StepError, RecoveryError, ClusterError, ConnectorError]) {
      expect(Kind.prototype).to.be.instanceOf(TidemarkError)
    }
    expect(AbortExecution.prototype).to.be.instanceOf(TidemarkError)
    for (const Kind of [
      NoPartitionsError,
      MissingPartitionsError,
      InconsistentPartitionsError,
      CorruptPartitionError,
      LockedPartitionError,
    ]) {
      expect(Kind.prototype).to.be.instanceOf(RecoveryError)
    }
  })

  it('tests flows', async () => {
    const items: number[] = []
    const flow = dataflow('kit')
    const { EOF: END, ABORT, PAUSE } = TestingSource
    const source = new TestingSource([1, PAUSE({ seconds: 0 }), 2, END, 3, ABORT])
    flow.input('in', source).output('out', new TestingSink(items))
    await runMain(flow, { epochInterval: 0 })
    await clusterMain(flow, { workers: 2 })
    expect(items).to.deep.equal([1, 2, 1, 2])
    expect(await pollNextBatch(source.buildPart('in', 'iterable', null), 1000)).to.deep.equal([1])
    expect(ffwdIter([0, 1, 2].values(), 2).next().value).to.equal(2)
    const time = new TimeTestingGetter(0)
    time.advance({ seconds: 5 })
    expect([time.get(), time.now()]).to.deep.equal([5000, 5000])
    const simulated = await simulate(numbers().flow, { workers: 2, seed: 1 })
    expect(simulated).to.be.an('object')
  })

  it('has streams and logics to build on', () => {
    expect(KeyedStream.prototype).to.be.instanceOf(Stream)
    expect([StatefulLogic, StatefulBatchLogic].map((base) => typeof base)).to.deep.equal([
      'function',
      'function',
    ])
  })
})
