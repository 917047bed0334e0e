import { expect } from 'chai'
import fc from 'fast-check'
import {
  AbortExecution,
  type Dataflow,
  dataflow,
  type Polled,
  RecoveryStore,
  run,
  StatefulSourcePartition,
  type Stream,
  scoped,
} from 'tidemark'
import { keyOn } from 'tidemark/operators'
import { TestingSink } from 'tidemark/testing'
import { type GeneratorOptions, NexmarkGenerator } from '../../bench/nexmark/generator.ts'
import { GOLDEN, GOLDEN_EVENTS } from '../../bench/nexmark/golden.ts'
import { isBid, type NexmarkEvent } from '../../bench/nexmark/model.ts'
import { q12ByWallClock } from '../../bench/nexmark/queries.ts'
import { finalRows, type Query } from '../../bench/nexmark/query.ts'
import { NexmarkSource, type NexmarkSourceOptions } from '../../bench/nexmark/source.ts'
import { failure } from '../support/failure.ts'
import { Folder } from '../support/folder.ts'
import { PositionSink } from '../support/position-sink.ts'

type Rows = ReadonlyMap<string, readonly unknown[]>

const QUERIES = GOLDEN.map(({ query }) => query)

/** All queries over one source; `output` takes the rows of each. */
const flowOf = (
  source: NexmarkSource,
  output: (rows: Stream<unknown>, query: Query<unknown>) => void,
): Dataflow => {
  const flow = dataflow('nexmark')
  const events = flow.input('events', source)
  for (const query of QUERIES) output(events.pipe(scoped(query.id, query.steps)), query)
  return flow
}

/** What every query says in the end. */
const answers = async (options: NexmarkSourceOptions, workers: number): Promise<Rows> => {
  const sinks = new Map(QUERIES.map(({ id }) => [id, new TestingSink<unknown>()]))
  const flow = flowOf(new NexmarkSource(options), (rows, { id }) => {
    rows.output(`${id}-out`, sinks.get(id) ?? new TestingSink())
  })
  await run(flow, { workers })
  return new Map(QUERIES.map((query) => [query.id, finalRows(query, rowsOf(sinks, query))]))
}

const rowsOf = (
  sinks: ReadonlyMap<string, { readonly items: unknown[] }>,
  { id }: Query<unknown>,
): readonly unknown[] => sinks.get(id)?.items ?? []

/** Rows in an order of their own, as those of several workers come in any. */
const sorted = (rows: readonly unknown[] | undefined): string[] =>
  (rows ?? []).map((row) => JSON.stringify(row)).sort()

const generated = (count: number, options: GeneratorOptions): NexmarkEvent[] => {
  const generator = new NexmarkGenerator(options)
  return Array.from({ length: count }, (_, arrival) => generator.event(arrival))
}

describe('Nexmark generator', () => {
  it('makes the same event again from its number, whatever was made before', () => {
    const generator = new NexmarkGenerator({ seed: 5, disorder: 10 })
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(2 ** 40), (one, other) => {
        const first = generator.event(one)
        generator.event(other)
        expect(generator.event(one)).to.deep.equal(first)
      }),
    )
  })

  it('makes one person, three auctions and 46 bids of 50 events', () => {
    const kinds = generated(5000, {}).map((event) => event.kind)
    expect(kinds.filter((kind) => kind === 'person')).to.have.length(100)
    expect(kinds.filter((kind) => kind === 'auction')).to.have.length(300)
    expect(kinds.filter((kind) => kind === 'bid')).to.have.length(4600)
  })

  it('has the same events in any disorder, none behind the watermark', () => {
    const byNumber = (a: NexmarkEvent, b: NexmarkEvent): number => a.number - b.number
    const inOrder = generated(2000, {})
    for (const disorder of [10, 1000]) {
      const generator = new NexmarkGenerator({ disorder })
      const events = generated(2000, { disorder })
      events.forEach((event, arrival) => {
        expect(event.dateTime).to.be.at.least(generator.watermark(arrival))
      })
      expect(events).not.to.deep.equal(inOrder)
      expect(events.sort(byNumber)).to.deep.equal(inOrder)
    }
  })

  it('gives other rows for another seed, of the same kinds at the same times', () => {
    const shape = ({ kind, dateTime }: NexmarkEvent) => ({ kind, dateTime })
    const [one, other] = [generated(500, { seed: 1 }), generated(500, { seed: 2 })]
    expect(one).not.to.deep.equal(other)
    expect(one.map(shape)).to.deep.equal(other.map(shape))
  })

  it('refuses a disorder that would lose events', () => {
    expect(() => new NexmarkGenerator({ disorder: 953 })).to.throw(RangeError, /953/)
    expect(() => new NexmarkGenerator({ disorder: 0 })).to.throw(RangeError, /disorder/)
  })
})

const SETTINGS = [
  { workers: 1, partitions: 1, disorder: 1, batchSize: 1000 },
  { workers: 2, partitions: 3, disorder: 10, batchSize: 700 },
  { workers: 4, partitions: 4, disorder: 1000, batchSize: 1000 },
]

for (const { workers, ...options } of SETTINGS) {
  const { partitions, disorder } = options
  describe(`Nexmark, ${workers} workers, ${partitions} partitions, disorder ${disorder} @long`, () => {
    let rows: Rows = new Map()

    before(async () => {
      rows = await answers({ events: GOLDEN_EVENTS, ...options }, workers)
    })

    for (const { query, sums, expected } of GOLDEN) {
      it(`${query.id}: ${query.title}`, () => {
        expect(sums(rows.get(query.id) ?? [])).to.deep.equal(expected)
      })
    }
  })
}

describe('Nexmark by the wall clock', () => {
  it('q12 counts every bid once, with one row for each person and window', async () => {
    const sink = new TestingSink<{ bidder: number; bids: number; starts: number }>()
    const flow = dataflow('nexmark')
    const source = new NexmarkSource({ events: 5000, partitions: 2 })
    q12ByWallClock.steps(flow.input('events', source)).output('out', sink)
    await run(flow, { workers: 2 })

    const about = sink.items.map(({ bidder, starts }) => `${bidder} ${starts}`)
    expect(new Set(about)).to.have.property('size', about.length)
    const bids = sink.items.reduce((sum, row) => sum + row.bids, 0)
    expect(bids).to.equal(generated(5000, {}).filter(isBid).length)
  })
})

/** Its first partition dies when it is asked for an event beyond the next of `deaths`. */
class DyingSource extends NexmarkSource {
  readonly #deaths: number[]

  constructor(options: NexmarkSourceOptions, deaths: readonly number[]) {
    super(options)
    this.#deaths = [...deaths]
  }

  override buildPart(stepId: string, part: string, resume: number | null) {
    const built = super.buildPart(stepId, part, resume)
    return part === '0' ? new DyingPartition(built, this.#deaths) : built
  }
}

class DyingPartition extends StatefulSourcePartition<NexmarkEvent, number> {
  readonly #part: StatefulSourcePartition<NexmarkEvent, number>
  readonly #deaths: number[]

  constructor(part: StatefulSourcePartition<NexmarkEvent, number>, deaths: number[]) {
    super()
    this.#part = part
    this.#deaths = deaths
  }

  override nextBatch(): Polled<NexmarkEvent> | Promise<Polled<NexmarkEvent>> {
    if (this.#part.snapshot() >= (this.#deaths[0] ?? Number.POSITIVE_INFINITY)) {
      this.#deaths.shift()
      throw new AbortExecution()
    }
    return this.#part.nextBatch()
  }

  override watermark(): number {
    return this.#part.watermark?.() ?? Number.NEGATIVE_INFINITY
  }

  override snapshot(): number {
    return this.#part.snapshot()
  }
}

describe('Nexmark through crashes @long', () => {
  const folder = new Folder()
  const events = 30_000
  const options = { events, partitions: 2, batchSize: 500, disorder: 10 }
  const sinks = new Map(QUERIES.map(({ id }) => [id, new PositionSink<unknown>()]))
  let undisturbed: Rows = new Map()

  before(async () => {
    await folder.make()
    undisturbed = await answers({ events }, 1)
    const source = new DyingSource(options, [3000, 9500, 12_000])
    const flow = flowOf(source, (rows, { id, about }) => {
      const keyed = rows.pipe(keyOn(`${id}-key`, (row) => String(about?.(row) ?? 'all')))
      keyed.output(`${id}-out`, sinks.get(id) ?? new PositionSink())
    })
    const store = await RecoveryStore.init(folder.file('state'), 3)
    const epochs = { epochInterval: 0, recovery: store }
    for (const workers of [1, 2, 4]) {
      expect(await failure(run(flow, { ...epochs, workers }))).to.be.instanceOf(AbortExecution)
    }
    await run(flow, { ...epochs, workers: 2 })
  })
  after(() => folder.remove())

  for (const query of QUERIES) {
    it(`${query.id} says what it says undisturbed, with 1, 2, 4 and 2 workers in turn`, () => {
      const rows = finalRows(query, rowsOf(sinks, query))
      expect(sorted(rows)).to.deep.equal(sorted(undisturbed.get(query.id)))
    })
  }
})
