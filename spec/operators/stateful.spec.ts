import { expect } from 'chai'
import {
  AbortExecution,
  BuildError,
  dataflow,
  type Emit,
  type KeyedStream,
  type Operator,
  run,
  StatefulBatchLogic,
  StatefulLogic,
  withPolicy,
} from 'tidemark'
import { keyed, stateful, statefulBatch } from 'tidemark/operators'
import { MemoryStore, TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { keyedThrough } from '../support/keyed-through.ts'
import { failure, untyped } from '../support/through.ts'

type Row = readonly [old: string, now: string]

/** Emits what it was and what it is, on each call; forgets itself on the calls it is told to. */
class Story extends StatefulLogic<string, Row, string> {
  readonly #discardOn: string
  readonly #notify: boolean
  #state: string
  #due: number | null = null

  constructor(
    resume: string | null,
    { discardOn = '', notify = false }: { discardOn?: string; notify?: boolean } = {},
  ) {
    super()
    this.#state = resume ?? 'NEW'
    this.#discardOn = discardOn
    this.#notify = notify
  }

  override onItem(): Emit<Row> {
    if (this.#notify) this.#due = 0
    return this.#becomes('ITEM')
  }

  override onNotify(): Emit<Row> {
    this.#due = null
    return this.#becomes('NOTIFY')
  }

  override onEof(): Emit<Row> {
    return this.#becomes('EOF')
  }

  override notifyAt(): number | null {
    return this.#due
  }

  override snapshot(): string {
    return this.#state
  }

  #becomes(now: string): Emit<Row> {
    const row: Row = [this.#state, now]
    this.#state = now
    return { emit: [row], discard: this.#discardOn === now }
  }
}

/** Keeps the last value of its key; DISCARD forgets it. */
class Last extends StatefulLogic<string, readonly [string | null, string], string | null> {
  #last: string | null

  constructor(resume: string | null) {
    super()
    this.#last = resume
  }

  override onItem(value: string): Emit<readonly [string | null, string]> {
    const row = [this.#last, value] as const
    this.#last = value
    return { emit: [row], discard: value === 'DISCARD' }
  }

  override snapshot(): string | null {
    return this.#last
  }
}

type Step = Operator<KeyedStream<string>, KeyedStream<unknown>>

const item = (value: unknown): [string, unknown] => ['k', value]

/** Runs of one flow over one store, each until it ends or aborts; what each has put out. */
const runs = async (items: readonly unknown[], operator: Step, count: number) => {
  const recovery = new MemoryStore()
  const sink = new TestingSink<readonly [string, unknown]>()
  const flow = dataflow('stories')
  flow
    .input('in', new TestingSource(items as [string, string][]))
    .pipe(keyed('key'), operator)
    .output('out', sink)
  const outputs: unknown[] = []
  for (let each = 0; each < count; each++) {
    await run(flow, { recovery, epochInterval: 0 }).catch((error: unknown) => {
      if (!(error instanceof AbortExecution)) throw error
    })
    outputs.push(sink.items.splice(0).map(([key, row]) => (key === 'k' ? row : [key, row])))
  }
  return outputs
}

const story = (options: { discardOn?: string; notify?: boolean }): Step =>
  stateful('s', (resume: string | null) => new Story(resume, options))
const last: Step = stateful('s', (resume: string | null) => new Last(resume))
const { ABORT, EOF } = TestingSource

describe('stateful', () => {
  it('builds a key anew after onItem discards it', async () => {
    expect(await runs([item(1), item(2), ABORT], story({ discardOn: 'ITEM' }), 1)).to.deep.equal([
      [
        ['NEW', 'ITEM'],
        ['NEW', 'ITEM'],
      ],
    ])
  })

  it('keeps a key that onItem does not discard', async () => {
    expect(await runs([item(1), item(2), ABORT], story({}), 1)).to.deep.equal([
      [
        ['NEW', 'ITEM'],
        ['ITEM', 'ITEM'],
      ],
    ])
  })

  it('notifies of a time that has passed in the next turn, once, and lets onNotify discard', async () => {
    const items = [item(1), TestingSource.PAUSE(0), item(2), TestingSource.PAUSE(0), ABORT]
    const [rows] = await runs(items, story({ notify: true, discardOn: 'NOTIFY' }), 1)
    expect(rows).to.deep.equal([
      ['NEW', 'ITEM'],
      ['ITEM', 'NOTIFY'],
      ['NEW', 'ITEM'],
      ['ITEM', 'NOTIFY'],
    ])
  })

  it('notifies of a time that has passed before the next item of an epoch to come', async () => {
    const items = [item(1), item(2), ABORT]
    const both = await Promise.all([
      runs(items, story({ notify: true, discardOn: 'NOTIFY' }), 1),
      runs(items, story({ notify: true }), 1),
    ])
    expect(both).to.deep.equal([
      [
        [
          ['NEW', 'ITEM'],
          ['ITEM', 'NOTIFY'],
          ['NEW', 'ITEM'],
          ['ITEM', 'NOTIFY'],
        ],
      ],
      [
        [
          ['NEW', 'ITEM'],
          ['ITEM', 'NOTIFY'],
          ['NOTIFY', 'ITEM'],
          ['ITEM', 'NOTIFY'],
        ],
      ],
    ])
  })

  it('keeps a key that onNotify does not discard', async () => {
    const items = [item(1), TestingSource.PAUSE(0), item(2), TestingSource.PAUSE(0), ABORT]
    const [rows] = await runs(items, story({ notify: true }), 1)
    expect(rows).to.deep.equal([
      ['NEW', 'ITEM'],
      ['ITEM', 'NOTIFY'],
      ['NOTIFY', 'ITEM'],
      ['ITEM', 'NOTIFY'],
    ])
  })

  it('starts a key anew in a run that continues, where onEof discarded it', async () => {
    const items = [item(1), EOF, item(2), ABORT]
    expect(await runs(items, story({ discardOn: 'EOF' }), 2)).to.deep.equal([
      [
        ['NEW', 'ITEM'],
        ['ITEM', 'EOF'],
      ],
      [['NEW', 'ITEM']],
    ])
  })

  it('goes on in a run that continues with what onEof left', async () => {
    const items = [item(1), EOF, item(2), ABORT]
    expect(await runs(items, story({}), 2)).to.deep.equal([
      [
        ['NEW', 'ITEM'],
        ['ITEM', 'EOF'],
      ],
      [['EOF', 'ITEM']],
    ])
  })

  it('keeps an object for each key, and the order of the items', async () => {
    const pairs = [
      ['a', 'a1'],
      ['b', 'b1'],
      ['a', 'a2'],
      ['b', 'b2'],
    ]
    expect(await runs(pairs, last, 1)).to.deep.equal([
      [
        ['a', [null, 'a1']],
        ['b', [null, 'b1']],
        ['a', ['a1', 'a2']],
        ['b', ['b1', 'b2']],
      ],
    ])
  })

  it('keeps an object for each key, and resumes each', async () => {
    const items = [['a', 'a1'], ['b', 'b1'], ABORT, ['a', 'a2'], ['b', 'b2']]
    expect(await runs(items, last, 2)).to.deep.equal([
      [
        ['a', [null, 'a1']],
        ['b', [null, 'b1']],
      ],
      [
        ['a', ['a1', 'a2']],
        ['b', ['b1', 'b2']],
      ],
    ])
  })

  it('resumes without what was discarded', async () => {
    const items = [
      ['a', 'a1'],
      ['b', 'b1'],
      ['a', 'DISCARD'],
      ['b', 'b2'],
      ABORT,
      ['a', 'a3'],
      ['b', 'b3'],
    ]
    const [before, resumed] = await runs(items, last, 2)
    expect(before).to.deep.equal([
      ['a', [null, 'a1']],
      ['b', [null, 'b1']],
      ['a', ['a1', 'DISCARD']],
      ['b', ['b1', 'b2']],
    ])
    expect(resumed).to.deep.equal([
      ['a', [null, 'a3']],
      ['b', ['b2', 'b3']],
    ])
  })

  it('emits what an iterable gives, in order, however many', async () => {
    class Times extends StatefulLogic<number, number, null> {
      override *onItem(n: number): Iterable<number> {
        for (let each = 0; each < n; each++) yield n
      }
      override snapshot(): null {
        return null
      }
    }
    const pairs = [
      ['a', 1],
      ['b', 0],
      ['a', 2],
      ['b', 1],
    ]
    expect(
      await keyedThrough(
        pairs,
        stateful('s', () => new Times()),
      ),
    ).to.deep.equal([
      ['a', 1],
      ['a', 2],
      ['a', 2],
      ['b', 1],
    ])
  })
})

describe('a StatefulLogic that notifies', () => {
  /** Fires at the time its value names; a value of null calls that off. */
  class Alarm extends StatefulLogic<number | null, string, null> {
    #at: number | null = null

    readonly #name: string

    constructor(name: string) {
      super()
      this.#name = name
    }

    override onItem(at: number | null): Emit<string> {
      this.#at = at
      return []
    }
    override onNotify(): Emit<string> {
      return [`${this.#name} at ${this.#at}`]
    }
    override notifyAt(): number | null {
      return this.#at
    }
    override snapshot(): null {
      return null
    }
  }
  const start = 1_000_000
  const ring = (items: readonly unknown[]): Promise<unknown[]> => {
    const runtime = new VirtualRuntime({ start })
    return runtime.run(
      keyedThrough(
        items,
        stateful('s', (_: null, key: string) => new Alarm(key)),
        { runtime },
      ),
    )
  }

  it('is told by time and then by key, and once, though it names the same time again (L2, L3)', async () => {
    const rows = await ring([
      ['b', start + 10],
      ['a', start + 20],
      ['d', start + 10],
      ['c', start - 5],
      TestingSource.PAUSE(1000),
    ])
    expect(rows.map((row) => (row as [string, string])[1])).to.deep.equal([
      `c at ${start - 5}`,
      `b at ${start + 10}`,
      `d at ${start + 10}`,
      `a at ${start + 20}`,
    ])
  })

  it('is not told of what it called off with null', async () => {
    expect(await ring([['a', start + 10], ['a', null], TestingSource.PAUSE(1000)])).to.deep.equal(
      [],
    )
  })
})

describe('the failures of a StatefulLogic', () => {
  class Strict extends StatefulLogic<number, number, number> {
    sum = 0
    override onItem(n: number): Emit<number> {
      this.sum += n
      if (n < 0) throw new Error('negative')
      return n === 13 ? untyped(n) : [this.sum]
    }
    override notifyAt(): number | null {
      return this.sum > 99 ? untyped('soon') : null
    }
    override snapshot(): number {
      return this.sum
    }
  }
  const strict = stateful('s', () => new Strict())

  it('name the method, the key and the value', async () => {
    const error = await failure(keyedThrough([item(1), item(-1)], strict))
    expect(error.message).to.include('StatefulLogic.onItem').and.include('test.s')
    expect(error.key).to.equal('k')
    expect(error.item).to.equal(-1)
  })

  it('are passed over by skip, which keeps the object as the failure left it', async () => {
    const rows = await keyedThrough([item(1), item(-5), item(10)], withPolicy('skip', strict))
    expect(rows).to.deep.equal([item(1), item(6)])
  })

  it('include what it returns that can not be emitted, and a time that is none', async () => {
    expect((await failure(keyedThrough([item(13)], strict))).message).to.include('emit')
    expect((await failure(keyedThrough([item(100)], strict))).message).to.include(
      'StatefulLogic.notifyAt',
    )
  })

  it('include a builder that gives anything but a new StatefulLogic', async () => {
    const wrong = stateful('s', () => untyped({ onItem: () => [] }))
    const error = await failure(keyedThrough([item(1)], wrong))
    expect(error.message).to.include('builder').and.include('StatefulLogic')
    const one = new Strict()
    const shared = await failure(
      keyedThrough(
        [item(1), ['l', 1]],
        stateful('s', () => one),
      ),
    )
    expect(shared.message).to.include('new StatefulLogic for each key')
  })

  it('can not be retried', async () => {
    const retry = withPolicy({ retry: { attempts: 1, backoff: 1 } }, strict)
    const error = await keyedThrough([item(1)], retry).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(BuildError)
  })

  it('name the builder that is no function when the flow is built', () => {
    expect(() => stateful('s', untyped(7))).to.throw(BuildError, 'builder')
  })
})

describe('statefulBatch', () => {
  class Lists extends StatefulBatchLogic<number, number[], number> {
    #count: number
    constructor(resume: number | null) {
      super()
      this.#count = resume ?? 0
    }
    override onBatch(values: number[]): Emit<number[]> {
      this.#count += values.length
      return { emit: [values], discard: this.#count >= 3 }
    }
    override onEof(): Emit<number[]> {
      return [[-this.#count]]
    }
    override snapshot(): number {
      return this.#count
    }
  }

  it('sees the values of a key in a batch together, keys as they first occur', async () => {
    const pairs = ['b', 'a', 'b', 'b', 'a', 'b'].map((key, at): [string, number] => [key, at])
    const flow = dataflow('batches')
    const sink = new TestingSink<unknown>()
    flow
      .input('in', new TestingSource(pairs, { batchSize: 6 }))
      .pipe(
        keyed('key'),
        statefulBatch('s', (resume: number | null) => new Lists(resume)),
      )
      .output('out', sink)
    await run(flow)
    expect(sink.items).to.deep.equal([
      ['b', [0, 2, 3, 5]],
      ['a', [1, 4]],
      ['a', [-2]],
    ])
  })

  it('names onBatch and passes over all the values of a call that failed', async () => {
    class Failing extends StatefulBatchLogic<number, number, null> {
      override onBatch(values: number[]): Emit<number> {
        if (values.includes(2)) throw new Error('two')
        return values
      }
      override snapshot(): null {
        return null
      }
    }
    const failing = statefulBatch('s', () => new Failing())
    const pairs = [1, 2, 3, 4].map(item)
    expect((await failure(keyedThrough(pairs, failing))).message).to.include(
      'StatefulBatchLogic.onBatch',
    )
    const skipping = withPolicy('skip', failing)
    expect(await keyedThrough(pairs, skipping, { epochInterval: 0 })).to.deep.equal([
      item(3),
      item(4),
    ])
  })
})
