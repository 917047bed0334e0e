import { expect } from 'chai'
import {
  BuildError,
  DynamicSource,
  dataflow,
  EOF,
  FixedPartitionedSource,
  fromIterable,
  type Polled,
  type Source,
  StatefulSourcePartition,
  type StatelessSourcePartition,
} from 'tidemark'
import {
  collectWindow,
  keyOn,
  merge,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import { clusterMain, TestingSink } from 'tidemark/testing'

const TIMES = [0, 10, 20, 30, 15, 40]

class Times extends StatefulSourcePartition<number, number> {
  #next = 0

  override nextBatch(): Polled<number> {
    const at = TIMES[this.#next++]
    return at === undefined ? EOF : [at]
  }

  override snapshot(): number {
    return this.#next
  }
}

class MarkedTimes extends Times {
  #read = Number.NEGATIVE_INFINITY

  override nextBatch(): Polled<number> {
    const batch = super.nextBatch()
    if (batch !== EOF) for (const at of batch) this.#read = Math.max(this.#read, at)
    return batch
  }

  override watermark(): number {
    return this.#read
  }
}

class Recorded extends FixedPartitionedSource<number, number> {
  readonly #marked: boolean

  constructor(marked: boolean) {
    super()
    this.#marked = marked
  }

  override listParts(): string[] {
    return ['only']
  }

  override buildPart(): Times {
    return this.#marked ? new MarkedTimes() : new Times()
  }
}

class Anywhere extends DynamicSource<number> {
  override build(): StatelessSourcePartition<number> {
    return new Times()
  }
}

const windows = new TumblingWindower({ length: 20, alignTo: 0 })
const clock = new WatermarkClock({ timestamp: (at: number) => at })

/** Windows and late values of one key. */
const outOf = async (source: Source<number>, workers: number, beside?: Source<number>) => {
  const flow = dataflow('test')
  const down = new TestingSink<unknown>()
  const late = new TestingSink<unknown>()
  const input = flow.input('in', source)
  const all = beside === undefined ? input : input.pipe(merge('all', flow.input('beside', beside)))
  const out = all.pipe(
    keyOn('key', () => 'a'),
    collectWindow('windows', { clock, windower: windows }),
  )
  out.down.output('down', down)
  out.late.output('late', late)
  await clusterMain(flow, { workers, epochInterval: 0 })
  return { down: down.items, late: late.items }
}

const refusal = async (...flow: Parameters<typeof outOf>): Promise<unknown> =>
  outOf(...flow).then(
    () => null,
    (error: unknown) => error,
  )

describe('windows behind a source whose partitions have watermarks of their own', () => {
  for (const workers of [1, 3]) {
    it(`follow them, though the source itself says nothing: ${workers} workers`, async () => {
      expect(await outOf(new Recorded(true), workers)).to.deep.equal({
        down: [
          ['a', [0, [0, 10]]],
          ['a', [1, [20, 30]]],
          ['a', [2, [40]]],
        ],
        late: [['a', [0, 15]]],
      })
    })
  }

  it('are refused where no partition has one', async () => {
    for (const source of [new Recorded(false), new Anywhere()]) {
      const error = await refusal(source, 2)
      expect(error).to.be.instanceOf(BuildError)
      expect(String(error)).to.include('Step "windows" follows the stream\'s watermark')
    }
  })

  it('are refused where a source beside it has none', async () => {
    expect(await refusal(new Recorded(true), 1, fromIterable([1]))).to.be.instanceOf(BuildError)
    expect(await refusal(new Recorded(true), 1, new Recorded(false))).to.be.instanceOf(BuildError)
  })

  it('ask no partition where a step makes the watermarks', async () => {
    const flow = dataflow('test')
    const down = new TestingSink<unknown>()
    flow
      .input('in', new Recorded(false))
      .pipe(
        watermarks('time', { timestamp: (at) => at, outOfOrderness: 0 }),
        keyOn('key', () => 'a'),
        collectWindow('windows', { clock, windower: windows }),
      )
      .down.output('down', down)
    await clusterMain(flow, { workers: 1 })
    expect(down.items).to.have.length(3)
  })
})
