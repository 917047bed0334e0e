import { Writable } from 'node:stream'
import { expect } from 'chai'
import { pino } from 'pino'
import { dataflow, type LogFields, type Logger, run, withPolicy } from 'tidemark'
import { map } from 'tidemark/operators'
import { TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { LogLimit } from '../../../lib/run/log-limit.ts'

/** What pino writes, line by line. */
class Lines extends Writable {
  readonly lines: Record<string, unknown>[] = []

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    for (const line of chunk.toString().trimEnd().split('\n')) this.lines.push(JSON.parse(line))
    done()
  }
}

/** A step that rests once. */
const shaky = (failures = 1) => {
  let left = failures
  const flow = dataflow('shaky')
  flow
    .input('in', new TestingSource([1, 2, 3]))
    .pipe(
      withPolicy(
        { retry: { attempts: 3, backoff: 0 }, circuit: { failures: 1, coolDown: 1 } },
        map('calls', (n) => {
          left -= 1
          if (left >= 0) throw new RangeError('away')
          return n
        }),
      ),
    )
    .output('out', new TestingSink())
  return flow
}

describe('What a run logs', () => {
  it('goes to pino as it is, with what it is about', async () => {
    const out = new Lines()
    await run(shaky(), { logger: pino({ level: 'info' }, out) })
    const [rests, works] = out.lines
    const about = { flow: 'shaky', worker: 0, step: 'calls', epoch: 1 }
    expect(rests).to.include({ ...about, level: 40 })
    expect(rests?.['msg']).to.match(/^step "shaky\.calls" failed 1 times in a row/)
    expect(works).to.include({ ...about, level: 30, msg: 'step "shaky.calls" works again' })
  })

  it('has what was thrown as an error', async () => {
    const out = new Lines()
    const logger: Logger = pino(out)
    const fields: LogFields = { flow: 'orders', err: new RangeError('disk') }
    logger.error(fields, 'a snapshot could not be written')
    expect(out.lines[0]).to.include({ msg: 'a snapshot could not be written', flow: 'orders' })
    expect(out.lines[0]?.['err']).to.include({ type: 'RangeError', message: 'disk' })
  })

  it('is left out beyond a rate where lines differ in numbers alone, and counted', async () => {
    const runtime = new VirtualRuntime()
    const limit = new LogLimit(runtime)
    const said: string[] = []
    const say = (message: string): void => {
      const line = limit.pass(message)
      if (line !== null) said.push(line)
    }
    for (let n = 0; n < 50; n++) say(`tried again in ${n} ms`)
    expect(said).to.have.length(20)
    say('something else')
    expect(said.at(-1)).to.equal('something else')
    await runtime.advance({ minutes: 1 })
    say('tried again in 50 ms')
    expect(said.at(-1)).to.equal('tried again in 50 ms (30 more like this were left out)')
    say('tried again in 51 ms')
    expect(said.at(-1)).to.equal('tried again in 51 ms')
  })

  it('is remembered for so many kinds of lines and no more', () => {
    const limit = new LogLimit(new VirtualRuntime())
    for (let n = 0; n < 21; n++) limit.pass('first')
    expect(limit.pass('first')).to.equal(null)
    for (let n = 0; n < 300; n++) limit.pass('x'.repeat(n))
    expect(limit.pass('first')).to.equal('first')
  })
})
