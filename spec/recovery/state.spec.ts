import { expect } from 'chai'
import {
  BuildError,
  type Dataflow,
  dataflow,
  FixedPartitionedSink,
  RecoveryError,
  run,
  StatefulSinkPartition,
} from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { MemoryStore, TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { decodeState } from '../../lib/codec/msgpack.ts'
import { type Block, readBlock } from '../../lib/recovery/block.ts'
import type { Store } from '../../lib/recovery/store.ts'
import { failure } from '../support/failure.ts'

const { EOF } = TestingSource

describe('The state of a step', () => {
  const refused = {
    function: () => ({ call: () => 1 }),
    'class instance': () => ({ inner: new Account(1) }),
    symbol: () => [Symbol('s')],
  }

  for (const [what, stateOf] of Object.entries(refused)) {
    it(`is refused at the first snapshot, by step and key, when it holds a ${what}`, async () => {
      const flow = dataflow('refuses')
      flow
        .input('in', new TestingSource(['the key']))
        .pipe(
          keyOn('key', (item) => item),
          statefulMap('keeps', () => [stateOf() as object | null, 1]),
        )
        .output('out', new TestingSink())
      const error = await failure(run(flow, { recovery: new MemoryStore() }))
      expect(error).to.be.instanceOf(RecoveryError)
      expect(String(error)).to.contain('"keeps"').and.to.contain('"the key"')
    })
  }

  it('is migrated when a release changes its shape, and refused without migrate', async () => {
    const store = new MemoryStore()
    await run(release(1), { recovery: store })
    expect(String(await failure(run(release(2, {}), { recovery: store })))).to.match(
      /Step "sum".*key "k".*version 1.*version 2/,
    )

    const migrate = (state: unknown, from: number) => ({ total: Number(state), from })
    const sink = new TestingSink<readonly [string, object]>()
    await run(release(2, { migrate }, sink), { recovery: store })
    expect(sink.items).to.deep.equal([['k', { total: 1, from: 1 }]])

    expect(String(await failure(run(release(1), { recovery: store })))).to.match(/newer release/)
  })

  it('has a version that can be stored and compared, or the flow is not built', () => {
    for (const version of [-1, 1.5, Number.NaN, 2 ** 32, Number.POSITIVE_INFINITY]) {
      expect(() => statefulMap('sum', (n: number | null) => [n ?? 0, n], { version })).to.throw(
        BuildError,
        /"sum": version .*; got/,
      )
    }
  })

  it('grows old once a release gives its step a ttl, also where it was there before', async () => {
    const runtime = new VirtualRuntime({ seed: 1 })
    const store = new MemoryStore()
    const sink = new TestingSink<readonly [string, number]>()
    const items = ['a', 'b', EOF, 'a', TestingSource.PAUSE(5000), 'b', EOF, 'b']
    const counting = (ttl: { readonly ttl?: number }): Dataflow => {
      const flow = dataflow('ages')
      flow
        .input('in', new TestingSource(items))
        .pipe(
          keyOn('key', (item) => String(item)),
          statefulMap('count', (n: number | null) => [(n ?? 0) + 1, (n ?? 0) + 1], ttl),
        )
        .output('out', sink)
      return flow
    }
    for (const ttl of [{}, { ttl: 1000 }, { ttl: 1000 }]) {
      await runtime.run(run(counting(ttl), { recovery: store, runtime }))
    }
    expect(sink.items).to.deep.equal([
      ['a', 1],
      ['b', 1],
      ['a', 2],
      ['b', 1],
      ['b', 2],
    ])
  })

  it('keeps class instances through a codec of the step', async () => {
    const store = new MemoryStore()
    const sink = new TestingSink<readonly [string, number]>()
    const flow = dataflow('codec')
    flow
      .input('in', new TestingSource(['k', EOF, 'k']))
      .pipe(
        keyOn('key', (item) => item),
        statefulMap(
          'account',
          (state: Account | null) => {
            const next = state ?? new Account(0)
            next.add()
            return [next, next.sum]
          },
          {
            codec: {
              encode: ({ sum }) => Uint8Array.of(sum),
              decode: ([sum = 0]) => new Account(sum),
            },
          },
        ),
      )
      .output('out', sink)
    await run(flow, { recovery: store })
    await run(flow, { recovery: store })
    expect(sink.items.map(([, sum]) => sum)).to.deep.equal([1, 2])
  })

  it('is encoded once for each epoch that changed it, and not at all otherwise (D19)', async () => {
    let encoded = 0
    const flow = dataflow('encodes')
    const keys = Array.from({ length: 100 }, (_, key) => `k${key}`)
    flow
      .input('in', new TestingSource([...keys, 'k0', 'k1', 'k0', 'k0'], { batchSize: 1 }))
      .pipe(
        keyOn('key', (item) => item),
        statefulMap('count', (n: number | null) => [(n ?? 0) + 1, n], {
          codec: {
            encode: (n) => {
              encoded += 1
              return Uint8Array.of(n)
            },
            decode: ([n = 0]) => n,
          },
        }),
      )
      .output('out', new TestingSink())
    await run(flow, { recovery: new MemoryStore(), epochInterval: 0 })
    expect(encoded).to.equal(104)
  })
})

describe('The position of a sink', () => {
  it('becomes durable only after what it covers was flushed', async () => {
    const sink = new OrderedSink()
    const flow = dataflow('flushes')
    flow
      .input('in', new TestingSource([1, 2, 3, 4, 5]))
      .pipe(keyOn('key', () => 'k'))
      .output('out', sink)
    await run(flow, { recovery: sink.watching(new MemoryStore()), epochInterval: 0 })
    expect(sink.durable).to.equal(5)
    expect(sink.early).to.deep.equal([])
  })
})

class Account {
  sum: number

  constructor(sum: number) {
    this.sum = sum
  }

  add(): void {
    this.sum += 1
  }
}

/** A flow whose state was a number in version 1. */
const release = (
  version: number,
  options: { migrate?: (state: unknown, from: number) => { total: number; from: number } } = {},
  sink = new TestingSink<unknown>(),
): Dataflow => {
  const flow = dataflow('releases')
  const keys = flow
    .input('in', new TestingSource(['k', EOF, 'k']))
    .pipe(keyOn('key', (item) => item))
  const stream =
    version === 1
      ? keys.pipe(statefulMap('sum', (n: number | null) => [(n ?? 0) + 1, n], { version }))
      : keys.pipe(
          statefulMap('sum', (s: { total: number; from: number } | null) => [s, s], {
            version,
            ...options,
          }),
        )
  stream.output('out', sink)
  return flow
}

/** Knows how much was written, flushed and made durable, and when the last was ahead. */
class OrderedSink extends FixedPartitionedSink<unknown, number> {
  written = 0
  flushed = 0
  durable = 0
  readonly early: string[] = []

  override listParts(): string[] {
    return ['only']
  }

  override buildPart(): StatefulSinkPartition<unknown, number> {
    return new OrderedPartition(this)
  }

  #check(block: Block): void {
    readBlock(block, (_, state) => {
      const position = decodeState(state ?? Uint8Array.of()) as number
      this.durable = position
      if (position > this.flushed) this.early.push(`${position}, ${this.flushed} flushed`)
    })
  }

  /** Looks at what is flushed whenever a position of the step is written. */
  watching(store: Store): Store {
    return {
      open: async (host) =>
        (await store.open(host)).map((partition) => ({
          get facts() {
            return partition.facts
          },
          begin: (flowId, execution) => partition.begin(flowId, execution),
          append: (frontier, blocks) => {
            for (const block of blocks) if (block.stepId === 'out') this.#check(block)
            return partition.append(frontier, blocks)
          },
          commit: (epoch) => partition.commit(epoch),
          load: (epoch) => partition.load(epoch),
          close: () => partition.close(),
        })),
    }
  }
}

class OrderedPartition extends StatefulSinkPartition<unknown, number> {
  readonly #sink: OrderedSink

  constructor(sink: OrderedSink) {
    super()
    this.#sink = sink
  }

  override writeBatch(values: unknown[]): void {
    this.#sink.written += values.length
  }

  override async flush(): Promise<void> {
    const { written } = this.#sink
    await Promise.resolve()
    this.#sink.flushed = written
  }

  override snapshot(): number {
    return this.#sink.written
  }
}
