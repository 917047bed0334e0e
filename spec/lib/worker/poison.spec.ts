import { expect } from 'chai'
import {
  ConnectorError,
  type DeadLetter,
  DynamicSink,
  dataflow,
  type ErrorPolicy,
  FixedPartitionedSink,
  run,
  StatefulLogic,
  StatefulSinkPartition,
  StatelessSinkPartition,
  type Stream,
  start,
  withPolicy,
} from 'tidemark'
import {
  collectWindow,
  EventClock,
  filter,
  flatMap,
  foldWindow,
  joinWindow,
  keyOn,
  map,
  mapAsync,
  mapValue,
  stateful,
  statefulMap,
  TumblingWindower,
} from 'tidemark/operators'
import { TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'

const POISON = 3

const refuse = <T>(item: T, n: unknown): T => {
  if (n === POISON) throw new RangeError('no threes')
  return item
}

const refuseAll = (batch: readonly number[]): void => {
  for (const n of batch) refuse(n, n)
}

const HOUR = { hours: 1 }
const clock = new EventClock<number>({ timestamp: (n) => refuse(n * 1000, n), wait: 0 })
const windower = new TumblingWindower({ length: HOUR, alignTo: 0 })

type Kind = (policy: ErrorPolicy, up: Stream<number>) => Stream<unknown>

const keyed = (up: Stream<number>) => up.pipe(keyOn('key', () => 'k'))

class Summing extends StatefulLogic<number, number, number> {
  #sum = 0
  override onItem(n: number): Iterable<number> {
    this.#sum += refuse(n, n)
    return [this.#sum]
  }
  override snapshot(): number {
    return this.#sum
  }
}

/** Every kind of step with code of the user's, each of which throws on one item. */
const KINDS: Readonly<Record<string, Kind>> = {
  map: (policy, up) =>
    up.pipe(
      withPolicy(
        policy,
        map('s', (n) => refuse(n, n)),
      ),
    ),
  filter: (policy, up) =>
    up.pipe(
      withPolicy(
        policy,
        filter('s', (n) => refuse(true, n)),
      ),
    ),
  flatMap: (policy, up) =>
    up.pipe(
      withPolicy(
        policy,
        flatMap('s', (n) => [refuse(n, n)]),
      ),
    ),
  keyOn: (policy, up) =>
    up.pipe(
      withPolicy(
        policy,
        keyOn('s', (n) => refuse('k', n)),
      ),
    ),
  mapValue: (policy, up) =>
    keyed(up).pipe(
      withPolicy(
        policy,
        mapValue('s', (n) => refuse(n, n)),
      ),
    ),
  statefulMap: (policy, up) =>
    keyed(up).pipe(
      withPolicy(
        policy,
        statefulMap('s', (sum: number | null, n: number) => {
          const next = (sum ?? 0) + refuse(n, n)
          return [next, next]
        }),
      ),
    ),
  mapAsync: (policy, up) =>
    up.pipe(
      withPolicy(
        policy,
        mapAsync('s', async (n) => refuse(n, n), { concurrency: 2 }),
      ),
    ),
}

const letters = async (kind: Kind): Promise<{ out: unknown[]; dead: readonly DeadLetter[] }> => {
  const dead = new TestingSink<DeadLetter>()
  const sink = new TestingSink<unknown>()
  const flow = dataflow('poison')
  kind(
    { deadLetter: dead },
    flow.input('in', new TestingSource([1, 2, 3, 4, 5], { batchSize: 5 })),
  ).output('out', sink)
  await run(flow)
  return { out: [...sink.items], dead: dead.items }
}

describe('a poison item', () => {
  for (const [name, kind] of Object.entries(KINDS)) {
    it(`stops only itself in ${name}, and is kept with what is known of it`, async () => {
      const { out, dead } = await letters(kind)
      expect(out).to.have.length(4)
      expect(dead).to.have.length(1)
      const [letter] = dead
      expect(letter).to.include({ stepId: 'poison.s', item: POISON, worker: 0 })
      expect(letter?.error).to.be.instanceOf(RangeError)
      expect(letter?.time).to.be.a('number')
      if (name !== 'mapAsync' && name !== 'statefulMap') {
        expect(letter).to.include({ source: 'in', part: 'iterable' })
      }
    })
  }

  it('stops only itself in a logic object', async () => {
    const { out, dead } = await letters((policy, up) =>
      keyed(up).pipe(
        withPolicy(
          policy,
          stateful('s', () => new Summing()),
        ),
      ),
    )
    expect(out).to.deep.equal([1, 3, 7, 12].map((sum) => ['k', sum]))
    expect(dead.map(({ item, key }) => [item, key])).to.deep.equal([[POISON, 'k']])
  })

  it('stops only itself in the fold of a window', async () => {
    const { out, dead } = await letters(
      (policy, up) =>
        keyed(up).pipe(
          withPolicy(
            policy,
            foldWindow('s', {
              clock: new EventClock<number>({ timestamp: (n) => n * 1000, wait: 0 }),
              windower,
              init: () => 0,
              fold: (sum: number, n: number) => sum + refuse(n, n),
              merge: (a: number, b: number) => a + b,
            }),
          ),
        ).down,
    )
    expect(out).to.deep.equal([['k', [0, 12]]])
    expect(dead.map(({ item, key }) => [item, key])).to.deep.equal([[POISON, 'k']])
  })

  it('stops only itself where a window asks for its time', async () => {
    const { out, dead } = await letters(
      (policy, up) =>
        keyed(up).pipe(withPolicy(policy, collectWindow('s', { clock, windower }))).down,
    )
    expect(out).to.deep.equal([['k', [0, [1, 2, 4, 5]]]])
    expect(dead).to.have.length(1)
  })

  it('is kept with the side of the join that it came by', async () => {
    const dead = new TestingSink<DeadLetter>()
    const sink = new TestingSink<unknown>()
    const flow = dataflow('poison')
    const left = flow.input('left', new TestingSource([1])).pipe(keyOn('l', String))
    const right = flow.input('right', new TestingSource([1, POISON])).pipe(keyOn('r', String))
    joinWindow('s', { left, right }, { clock, windower }).down.output('out', sink)
    await run(flow, { onError: { deadLetter: dead } })
    expect(sink.items).to.have.length(1)
    expect(dead.items.map(({ input, key }) => [input, key])).to.deep.equal([[1, '3']])
  })
})

/** A destination that takes no poison, with every batch it was offered. */
class Destination extends DynamicSink<number> {
  readonly items: number[] = []
  readonly offered: number[][] = []
  readonly #check: (batch: readonly number[]) => void

  constructor(check: (batch: readonly number[]) => void) {
    super()
    this.#check = check
  }

  override build(): StatelessSinkPartition<number> {
    const { items, offered } = this
    const check = this.#check
    return new (class extends StatelessSinkPartition<number> {
      override async writeBatch(batch: number[]): Promise<void> {
        offered.push([...batch])
        check(batch)
        // What a sink does to its batch is its own affair.
        items.push(...batch.splice(0))
      }
    })()
  }
}

class Parts extends FixedPartitionedSink<number, number> {
  readonly items: number[] = []
  override listParts(): string[] {
    return ['only']
  }
  override buildPart(): StatefulSinkPartition<number, number> {
    const { items } = this
    return new (class extends StatefulSinkPartition<number, number> {
      override writeBatch(batch: number[]): void {
        if (batch.includes(POISON)) throw new RangeError('no threes')
        items.push(...batch)
      }
      override snapshot(): number {
        return items.length
      }
    })()
  }
}

const toSink = (sink: DynamicSink<number>) => {
  const flow = dataflow('poison')
  flow
    .input('in', new TestingSource([1, 2, 3, 4, 5, 6, 7, 8], { batchSize: 8 }))
    .output('out', sink)
  return flow
}

describe('a poison item in a sink', () => {
  it('is found by halving the batch, and the others are written in order', async () => {
    const sink = new Destination((batch) => refuseAll(batch))
    const dead = new TestingSink<DeadLetter>()
    const summary = await run(toSink(sink), { onError: { deadLetter: dead } })
    expect(sink.items).to.deep.equal([1, 2, 4, 5, 6, 7, 8])
    expect(summary.skipped).to.equal(1)
    expect(dead.items.map(({ item, callback }) => [item, callback])).to.deep.equal([
      [POISON, 'writeBatch'],
    ])
    expect(sink.offered.length).to.be.at.most(2 * Math.log2(8) + 1)
  })

  it('stops the run where the policy does not pass items over', async () => {
    const sink = new Destination((batch) => refuseAll(batch))
    const error = await run(toSink(sink)).catch((thrown: unknown) => thrown)
    expect((error as Error).message)
      .to.include('failed in writeBatch')
      .and.include('no threes')
    expect(sink.offered).to.have.length(1)
  })

  it('is kept with its key where the sink has partitions', async () => {
    const sink = new Parts()
    const dead = new TestingSink<DeadLetter>()
    const flow = dataflow('poison')
    flow
      .input('in', new TestingSource([1, 2, 3, 4], { batchSize: 4 }))
      .pipe(keyOn('key', (n) => `k${n}`))
      .output('out', sink)
    await run(flow, { onError: { deadLetter: dead } })
    expect(sink.items).to.deep.equal([1, 2, 4])
    expect(dead.items.map(({ item, key }) => [item, key])).to.deep.equal([[POISON, 'k3']])
  })

  it('is not what a destination is that says it is away: the run stops', async () => {
    const sink = new Destination(() => {
      throw new ConnectorError('the destination is away', { retryable: true })
    })
    const error = await run(toSink(sink), { onError: 'skip' }).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(ConnectorError)
    expect(sink.offered).to.have.length(1)
  })

  it('is looked for only when the whole batch has been tried often enough', async () => {
    const runtime = new VirtualRuntime()
    const sink = new Destination((batch) => refuseAll(batch))
    const dead = new TestingSink<DeadLetter>()
    const onError = { retry: { attempts: 3, backoff: 10 }, deadLetter: dead }
    await runtime.run(run(toSink(sink), { runtime, onError }))
    expect(sink.offered.slice(0, 4).map(({ length }) => length)).to.deep.equal([8, 8, 8, 4])
    expect(sink.items).to.deep.equal([1, 2, 4, 5, 6, 7, 8])
    expect(dead.items.map(({ item }) => item)).to.deep.equal([POISON])
  })
})

describe('an outage', () => {
  /** Fails up to a time, and knows when it was called. */
  const away = (runtime: VirtualRuntime, until: number) => {
    const began = runtime.now()
    const calls: number[] = []
    return {
      calls,
      call: (): void => {
        calls.push(runtime.now() - began)
        if (runtime.now() - began < until) throw new Error('away')
      },
    }
  }
  const ITEMS = [1, 2, 3, 4, 5, 6, 7, 8]
  const policy = (attempts: number): ErrorPolicy => ({
    retry: { attempts, backoff: 10 },
    circuit: { failures: 3, coolDown: 1000 },
  })

  const callers: Readonly<
    Record<string, (up: Stream<number>, call: () => void, sink: TestingSink<unknown>) => void>
  > = {
    map: (up, call, sink) =>
      up
        .pipe(
          map('s', (n) => {
            call()
            return n
          }),
        )
        .output('out', sink),
    statefulMap: (up, call, sink) =>
      keyed(up)
        .pipe(
          statefulMap('s', (_: null, n: number) => {
            call()
            return [null, n]
          }),
          map('value', ([, n]) => n),
        )
        .output('out', sink),
    mapAsync: (up, call, sink) =>
      up
        .pipe(
          mapAsync(
            's',
            async (n) => {
              call()
              return n
            },
            { concurrency: 4 },
          ),
        )
        .output('out', sink),
    sink: (up, call, sink) =>
      up.output(
        's',
        new (class extends DynamicSink<number> {
          override build(): StatelessSinkPartition<number> {
            return new (class extends StatelessSinkPartition<number> {
              override writeBatch(items: number[]): void {
                call()
                sink.items.push(...items)
              }
            })()
          }
        })(),
      ),
  }

  for (const [name, build] of Object.entries(callers)) {
    it(`opens the circuit of ${name}: it is tried once a cool-down, and then goes on whole`, async () => {
      const runtime = new VirtualRuntime()
      const { calls, call } = away(runtime, 4500)
      const sink = new TestingSink<unknown>()
      const said: string[] = []
      const flow = dataflow('outage')
      build(flow.input('in', new TestingSource(ITEMS, { batchSize: 4 })), call, sink)
      const logger = {
        debug: () => {},
        info: (_: object, message: string) => void said.push(message),
        warn: (_: object, message: string) => void said.push(message),
        error: () => {},
      }
      const execution = start(flow, { runtime, onError: policy(20), logger })
      const events: string[] = []
      execution.events$.subscribe((event) => {
        if (event.kind === 'message') events.push(event.message)
      })
      await runtime.run(execution.done)
      expect(sink.items).to.deep.equal(ITEMS)
      const during = calls.filter((time) => time < 4500)
      expect(during.filter((time) => time >= 1000).length).to.be.within(3, 5)
      expect(said.filter((line) => line.includes('rests for 1000 ms'))).to.have.length.above(3)
      expect(said.at(-1)).to.equal('step "outage.s" works again')
      expect(events).to.include('step "outage.s" works again')
    })
  }

  it('ends the run when the circuit has opened too often in a row', async () => {
    const runtime = new VirtualRuntime()
    const { calls, call } = away(runtime, Number.POSITIVE_INFINITY)
    const flow = dataflow('outage')
    callers['mapAsync']?.(flow.input('in', new TestingSource(ITEMS)), call, new TestingSink())
    const onError: ErrorPolicy = {
      retry: { attempts: 1000, backoff: 10 },
      circuit: { failures: 3, coolDown: 1000, openings: 4 },
      deadLetter: new TestingSink(),
    }
    const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
    const error = await runtime
      .run(run(flow, { runtime, onError, logger: quiet }))
      .catch((thrown: unknown) => thrown)
    expect((error as Error).message).to.match(/"outage\.s" failed .* opened 4 times in a row/)
    expect(calls.length).to.be.below(20)
  })
})
