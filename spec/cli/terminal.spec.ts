import { expect } from 'chai'
import { Progress } from '../../cli/progress.ts'
import { type Screen, Terminal } from '../../cli/terminal.ts'

const screen = (isTTY: boolean): Screen & { text: string } => ({
  isTTY,
  columns: 40,
  text: '',
  write(text: string): boolean {
    this.text += text
    return true
  },
})

const CLEAR = '\r\x1b[K'

describe('the terminal', () => {
  it('draws nothing where none is', () => {
    const piped = screen(false)
    new Terminal(piped).draw('progress')
    expect(piped.text).to.equal('')
  })

  it('takes its drawn line away before anything else is written', () => {
    const err = screen(true)
    const out = screen(true)
    const terminal = new Terminal(err)
    terminal.share(out)
    terminal.draw('progress')
    out.write('result\n')
    terminal.draw('progress')
    terminal.say('done')
    expect(out.text).to.equal('result\n')
    expect(err.text).to.equal(`${CLEAR}progress${CLEAR}${CLEAR}progress${CLEAR}tidemark: done\n`)
  })

  it('leaves an unfinished line of the output alone', () => {
    const err = screen(true)
    const out = screen(true)
    const terminal = new Terminal(err)
    terminal.share(out)
    out.write('half a ')
    terminal.draw('progress')
    expect(err.text).to.equal('')
    out.write('line\n')
    terminal.draw('progress')
    expect(err.text).to.equal(`${CLEAR}progress`)
  })

  it('keeps the drawn line to one line of the screen', () => {
    const err = screen(true)
    new Terminal(err).draw('x'.repeat(100))
    expect(err.text).to.equal(`${CLEAR}${'x'.repeat(39)}`)
  })

  it('says what its level shows', () => {
    const err = screen(false)
    const terminal = new Terminal(err)
    terminal.level = 'warn'
    terminal.logger.info({}, 'made a store')
    terminal.logger.warn({ err: new Error('disk') }, 'slow')
    terminal.error('broken')
    expect(err.text).to.match(/^tidemark: warning: slow: disk \(at .*\)\ntidemark: broken\n$/)
  })

  it('says each line as JSON where that is asked for, with its fields', () => {
    const err = screen(false)
    const terminal = new Terminal(err)
    terminal.format = 'json'
    terminal.logger.warn({ flow: 'orders', worker: 1, step: 'sum', err: new Error('disk') }, 'slow')
    terminal.say('stopping')
    const [first, second] = err.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(first).to.include({ level: 'warn', msg: 'slow', flow: 'orders', worker: 1, step: 'sum' })
    expect(first.err).to.match(/^disk/)
    expect(Date.parse(first.time)).to.be.above(0)
    expect(second).to.include({ level: 'info', msg: 'stopping' })
  })

  it('tells each cause that says something new', () => {
    const err = screen(false)
    const root = new Error('no route to host')
    const middle = new Error('the server is away: no route to host', { cause: root })
    new Terminal(err).fail(new Error('The flow can not begin.', { cause: middle }))
    expect(err.text.split('\n').map((line) => line.replace(/ \(at .*\)/, ''))).to.deep.equal([
      'tidemark: The flow can not begin.',
      '  because: the server is away: no route to host',
      '',
    ])
  })
})

describe('the progress line', () => {
  const metrics = { epoch: 4, committed: 3, itemsIn: 0, itemsOut: 0, skipped: 0 }

  it('has rates over the last two seconds, and what is committed', () => {
    const progress = new Progress('orders', { now: 0, durable: true })
    progress.line({ ...metrics, itemsIn: 1000, itemsOut: 10 }, 1000)
    progress.line({ ...metrics, itemsIn: 2000, itemsOut: 20 }, 2000)
    expect(progress.line({ ...metrics, itemsIn: 8000, itemsOut: 30 }, 4000)).to.equal(
      'orders  in 8,000 (3,000/s)  out 30 (5/s)  epoch 4  committed 2',
    )
  })

  it('leaves out what there is none of', () => {
    const progress = new Progress('orders', { now: 0, durable: false })
    expect(progress.line({ ...metrics, skipped: 2 }, 0)).to.equal(
      'orders  in 0 (0/s)  out 0 (0/s)  epoch 4  skipped 2',
    )
  })

  it('ends in a sentence', () => {
    const progress = new Progress('orders', { now: 0, durable: false })
    const summary = { reason: 'eof', epoch: 3, itemsIn: 3000, itemsOut: 20, skipped: 0 } as const
    expect(progress.summary(summary, 1500)).to.equal(
      'orders is done: 3,000 items in, 20 out in 1.50 s, 2,000 a second',
    )
  })
})
