import { Readable, Writable } from 'node:stream'
import { expect } from 'chai'
import { StdInSource, StdOutSink } from '../../connectors/stdio/index.ts'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { describeSource } from '../../testing/index.ts'

/** An output that takes a write only when it is let. */
const heldOutput = (failure: Error | null = null) => {
  const done: (() => void)[] = []
  let written = ''
  const output = new Writable({
    highWaterMark: 1,
    write: (chunk, _encoding, callback) => {
      written += String(chunk)
      done.push(() => callback(failure))
    },
  })
  return { output, written: () => written, letGo: () => done.shift()?.() }
}

describeSource('StdInSource', () => ({
  source: new StdInSource({
    input: Readable.from([Buffer.from('one\n\ntw'), Buffer.from('o\nlast')]),
  }),
  items: ['one', '', 'two', 'last'],
}))

describe('StdInSource', () => {
  it('refuses a line beyond its limit', async () => {
    const source = new StdInSource({
      input: Readable.from([Buffer.alloc(50, 'x')]),
      maxLineBytes: 10,
    })
    const failure = await Promise.resolve(source.buildPart().nextBatch()).catch(
      (cause: unknown) => cause,
    )
    expect(failure).to.be.instanceOf(ConnectorError)
  })
})

describe('StdOutSink', () => {
  const printed = async (items: unknown[]): Promise<string> => {
    const held = heldOutput()
    const part = new StdOutSink({ output: held.output }).build()
    const write = Promise.resolve(part.writeBatch(items))
    held.letGo()
    await write
    await part.close()
    return held.written()
  }

  it('prints an item a line', async () => {
    expect(await printed(['a', 'b'])).to.equal('a\nb\n')
  })

  it('prints to standard output unless told otherwise', async () => {
    const { write } = process.stdout
    let written = ''
    process.stdout.write = (text: string | Uint8Array) => {
      written += String(text)
      return true
    }
    try {
      const part = new StdOutSink().build()
      await part.writeBatch(['a', 'b'])
      await part.close()
    } finally {
      process.stdout.write = write
    }
    expect(written).to.equal('a\nb\n')
  })

  it('prints pairs and objects as JSON, whatever they hold', async () => {
    const round: { self?: unknown } = {}
    round.self = round
    const items = [['k', 1n], { at: new Date(0) }, new Map([['m', new Set([1])]]), null, 2.5, round]
    const lines = (await printed(items)).split('\n')
    expect(lines.slice(0, 5)).to.deep.equal([
      '["k","1"]',
      '{"at":"1970-01-01T00:00:00.000Z"}',
      '[["m",[1]]]',
      'null',
      '2.5',
    ])
    expect(lines[5]).to.contain('Circular')
  })

  it('waits until the output has room', async () => {
    const held = heldOutput()
    const part = new StdOutSink({ output: held.output }).build()
    let written = false
    const write = Promise.resolve(part.writeBatch(['a'])).then(() => {
      written = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(written).to.equal(false)
    held.letGo()
    await write
    expect(written).to.equal(true)
    await part.close()
  })

  it('says so when its reader has gone', async () => {
    const held = heldOutput(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    const part = new StdOutSink({ output: held.output }).build()
    const write = Promise.resolve(part.writeBatch(['a'])).catch((cause: unknown) => cause)
    held.letGo()
    const failure = await write
    expect(failure).to.be.instanceOf(ConnectorError)
    expect(String(failure)).to.contain('closed by its reader')
    await part.abandon?.()
  })
})
