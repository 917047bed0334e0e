import { expect } from 'chai'
import { dataflow, fromIterable, withPolicy } from 'tidemark'
import {
  collectWindow,
  dedupe,
  EventClock,
  keyOn,
  map,
  mapAsync,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import { MemoryStore, TestingSink } from 'tidemark/testing'
import { advise } from '../../../ops/doctor/advise.ts'

const timestamp = (n: number): number => n
const windower = new TumblingWindower({ length: 1000, alignTo: 0 })
const recovery = new MemoryStore()

const begun = () => {
  const flow = dataflow('advised')
  return { flow, up: flow.input('in', fromIterable([1, 2, 3])), sink: new TestingSink<unknown>() }
}

const sentences = (...args: Parameters<typeof advise>): string =>
  advise(...args)
    .map(({ level, says }) => `${level}: ${says}`)
    .join('\n')

describe('the advice on a flow that is not running', () => {
  it('has nothing to say of a plain one', () => {
    const { flow, up, sink } = begun()
    up.pipe(map('m', (n) => n)).output('out', sink)
    expect(sentences(flow)).to.equal('good: Nothing about "advised" calls for advice.')
  })

  it('says what would be lost without recovery, unless the module names some', () => {
    const { flow, up, sink } = begun()
    up.pipe(
      keyOn('k', String),
      dedupe('once', (n) => n, { within: 1000 }),
    ).output('out', sink)
    expect(sentences(flow)).to.match(/^note: The module names no recovery, and "once" keep/)
    expect(sentences(flow, { recovery })).to.match(/^good/)
  })

  it('says which state grows for good', () => {
    const { flow, up, sink } = begun()
    up.pipe(
      keyOn('k', String),
      dedupe('once', (n) => n),
    ).output('out', sink)
    expect(sentences(flow, { recovery })).to.match(/"once" \(dedupe\) keeps every key .* within/)
  })

  it('says which windows a replay may upset, and which do not follow the watermarks there are', () => {
    const { flow, up, sink } = begun()
    const clock = new EventClock<number>({ timestamp, wait: 0 })
    up.pipe(keyOn('k', String), collectWindow('own', { clock, windower })).down.output('a', sink)
    const marked = up.pipe(
      watermarks('marks', { timestamp, outOfOrderness: 0 }),
      keyOn('l', String),
    )
    marked.pipe(collectWindow('deaf', { clock, windower })).down.output('b', sink)
    marked
      .pipe(collectWindow('good', { clock: new WatermarkClock({ timestamp }), windower }))
      .down.output('c', sink)
    const said = sentences(flow, { recovery })
    expect(said).to.match(/"own" \(collectWindow\) moves time on by its own items.* replay/)
    expect(said).to.match(/upstream of "deaf" \(collectWindow\), and its clock does not follow/)
    expect(said).to.not.include('"good"')
  })

  it('calls a window bad that follows watermarks which nobody makes', () => {
    const { flow, up, sink } = begun()
    const clock = new WatermarkClock<number>({ timestamp })
    up.pipe(keyOn('k', String), collectWindow('w', { clock, windower })).down.output('out', sink)
    expect(sentences(flow, { recovery })).to.match(/^bad: .*"w" follows the stream's watermark/)
  })

  it('asks for a timeout and a policy where something outside is called', () => {
    const { flow, up, sink } = begun()
    up.pipe(mapAsync('bare', async (n) => n, { concurrency: 1 })).output('a', sink)
    up.pipe(
      withPolicy(
        'skip',
        mapAsync('cared', async (n) => n, { concurrency: 1, timeout: 1000 }),
      ),
    ).output('b', sink)
    const said = sentences(flow, { recovery })
    expect(said).to.match(/"bare" \(mapAsync\) sets no timeout/)
    expect(said).to.match(/"bare" \(mapAsync\) calls something outside, and one failure stops/)
    expect(said).to.not.include('"cared"')
  })
})
