import { expect } from 'chai'
import {
  dataflow,
  EOF,
  FixedPartitionedSource,
  type Polled,
  run,
  StatefulSourcePartition,
} from 'tidemark'
import { map } from 'tidemark/operators'
import { TestingSink } from 'tidemark/testing'
import { MemoryStore } from '../../../lib/recovery/memory.ts'

/** A source whose partitions grow in number while it is read: each names its own items. */
class GrowingSource extends FixedPartitionedSource<string, number> {
  override discoverEvery = 5
  looks = 0
  readonly #growth: readonly (readonly string[])[]
  readonly resumed: [string, number | null][] = []

  constructor(growth: readonly (readonly string[])[]) {
    super()
    this.#growth = growth
  }

  listParts(): string[] {
    const names = this.#growth[Math.min(this.looks, this.#growth.length - 1)] ?? []
    this.looks += 1
    return [...names]
  }

  buildPart(_stepId: string, part: string, resume: number | null): CountedPartition {
    this.resumed.push([part, resume])
    return new CountedPartition(part, resume ?? 0)
  }
}

class CountedPartition extends StatefulSourcePartition<string, number> {
  #at: number
  readonly #name: string

  constructor(name: string, at: number) {
    super()
    this.#name = name
    this.#at = at
  }

  nextBatch(): Polled<string> {
    if (this.#at === 3) return EOF
    this.#at += 1
    return [`${this.#name}${this.#at}`]
  }

  snapshot(): number {
    return this.#at
  }
}

const flowOf = (source: GrowingSource, sink: TestingSink<string>) => {
  const flow = dataflow('growing')
  flow
    .input('in', source)
    .pipe(map('same', (item) => item))
    .output('out', sink)
  return flow
}

describe('a source that discovers partitions', () => {
  it('reads those that come while the flow runs, and ends when a last look finds none', async () => {
    const source = new GrowingSource([['a'], ['a', 'b'], ['a', 'b', 'c']])
    const sink = new TestingSink<string>()

    await run(flowOf(source, sink), { epochInterval: 1 })

    expect([...sink.items].sort()).to.deep.equal('a1 a2 a3 b1 b2 b3 c1 c2 c3'.split(' '))
  })

  it('keeps the positions of what it found, so that the next run reads nothing twice', async () => {
    const store = new MemoryStore({ partitions: 2 })
    const first = new TestingSink<string>()
    const second = new TestingSink<string>()
    const again = new GrowingSource([['a', 'b']])

    await run(flowOf(new GrowingSource([['a'], ['a', 'b']]), first), {
      epochInterval: 1,
      recovery: store,
    })
    await run(flowOf(again, second), { epochInterval: 1, recovery: store })

    expect([...first.items].sort()).to.deep.equal('a1 a2 a3 b1 b2 b3'.split(' '))
    expect(second.items).to.deep.equal([])
    expect(again.resumed).to.deep.equal([
      ['a', 3],
      ['b', 3],
    ])
  })
})
