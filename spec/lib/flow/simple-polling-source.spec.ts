import { expect } from 'chai'
import { AbortExecution, dataflow, run } from 'tidemark'
import {
  type PolledItem,
  Retry,
  SimplePollingSource,
} from '../../../lib/flow/simple-polling-source.ts'
import { EOF } from '../../../lib/flow/source.ts'
import { systemRuntime } from '../../../lib/runtime/system.ts'
import { TestingSink, TimeTestingGetter } from '../../../testing/index.ts'

const HALF_HOUR = 30 * 60_000
const at = (time: string): number => Date.parse(`2023-05-01T${time}:00Z`)

class Scripted extends SimplePollingSource<string, number> {
  readonly #script: (() => PolledItem<string> | Promise<PolledItem<string>>)[]
  #index = 0

  constructor(
    script: (() => PolledItem<string> | Promise<PolledItem<string>>)[],
    alignTo?: number,
  ) {
    super({ interval: HALF_HOUR, ...(alignTo === undefined ? {} : { alignTo }) })
    this.#script = script
  }

  override nextItem(): PolledItem<string> | Promise<PolledItem<string>> {
    const next = this.#script[this.#index]
    this.#index += 1
    return next === undefined ? EOF : next()
  }

  override snapshot(): number {
    return this.#index
  }

  override resume(state: number): void {
    this.#index = state
  }
}

const open = async (source: Scripted, now: number, resume: number | null = null) => {
  const time = new TimeTestingGetter(now)
  source.useRun({ runtime: { ...systemRuntime, now: time.now }, recovery: false })
  return source.buildPart('in', 'singleton', resume)
}

describe('SimplePollingSource', () => {
  it('polls at once, then an interval later', async () => {
    const part = await open(new Scripted([() => 'a']), at('05:15'))
    expect(part.nextAwake()).to.equal(at('05:15'))
    expect(part.nextBatch()).to.deep.equal(['a'])
    expect(part.nextAwake()).to.equal(at('05:45'))
  })

  it('polls first at the next moment that lines up', async () => {
    const part = await open(new Scripted([], at('04:00')), at('05:15'))
    expect(part.nextAwake()).to.equal(at('05:30'))
  })

  it('polls at once when it starts on a moment that lines up', async () => {
    const part = await open(new Scripted([], at('04:00')), at('05:00'))
    expect(part.nextAwake()).to.equal(at('05:00'))
  })

  it('lines up with a moment that is still to come', async () => {
    const part = await open(new Scripted([], at('08:00')), at('05:15'))
    expect(part.nextAwake()).to.equal(at('05:30'))
  })

  it('polls again after the time that Retry names, thrown or rejected', async () => {
    const thrown = () => {
      throw new Retry({ seconds: 5 })
    }
    const part = await open(new Scripted([thrown, async () => thrown()]), at('05:00'))
    expect(part.nextBatch()).to.deep.equal([])
    expect(part.nextAwake()).to.equal(at('05:00') + 5_000)
    expect(await part.nextBatch()).to.deep.equal([])
    expect(part.nextAwake()).to.equal(at('05:00') + 10_000)
  })

  it('emits nothing for null and awaits a promise', async () => {
    const part = await open(new Scripted([() => null, async () => 'b']), at('05:00'))
    expect(part.nextBatch()).to.deep.equal([])
    expect(await part.nextBatch()).to.deep.equal(['b'])
  })

  it('ends when it is told so, and passes other failures on', async () => {
    const part = await open(
      new Scripted([
        () => {
          throw new Error('gone')
        },
      ]),
      at('05:00'),
    )
    expect(() => part.nextBatch()).to.throw('gone')
    expect(part.nextBatch()).to.equal(EOF)
  })

  it('goes on in a later run where its object stands, without recovery', async () => {
    class Letters extends SimplePollingSource<string> {
      #index = 0

      constructor() {
        super({ interval: 0 })
      }

      override nextItem(): PolledItem<string> {
        const letter = ['a', 'b', 'ABORT', 'c'][this.#index]
        this.#index += 1
        if (letter === 'ABORT') throw new AbortExecution()
        return letter ?? EOF
      }
    }
    const flow = dataflow('letters')
    const sink = new TestingSink<string>()
    flow.input('in', new Letters()).output('out', sink)
    expect(await run(flow).catch((error: unknown) => error)).to.be.instanceOf(AbortExecution)
    expect(sink.items.splice(0)).to.deep.equal(['a', 'b'])
    await run(flow)
    expect(sink.items).to.deep.equal(['c'])
  })

  it('goes on behind the position that it is given', async () => {
    const source = new Scripted([() => 'a', () => 'b', () => 'c'])
    const part = await open(source, at('05:00'), 2)
    expect(part.snapshot()).to.equal(2)
    expect(part.nextBatch()).to.deep.equal(['c'])
    expect(part.nextBatch()).to.equal(EOF)
  })
})
