import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import {
  DynamicSink,
  DynamicSource,
  dataflow,
  type Execution,
  StatelessSinkPartition,
  StatelessSourcePartition,
  start,
} from 'tidemark'
import { map } from 'tidemark/operators'
import { type Api, serveApi } from 'tidemark/ops'
import { statusOf } from './served.ts'

const TOKEN = 'a-token-of-the-spec'
const MIB = 1024 * 1024

class Endless extends DynamicSource<number> {
  override build(): StatelessSourcePartition<number> {
    return new EndlessPart()
  }
}

class EndlessPart extends StatelessSourcePartition<number> {
  override nextBatch(): number[] {
    return Array.from({ length: 100 }, (_, n) => n)
  }

  override nextAwake(): number {
    return Date.now() + 1
  }
}

class Nowhere extends DynamicSink<number> {
  override build(): StatelessSinkPartition<number> {
    return new NowherePart()
  }
}

class NowherePart extends StatelessSinkPartition<number> {
  override writeBatch(): void {}
}

describe('A flow whose API is attacked', () => {
  let execution: Execution
  let api: Api
  const sockets: Socket[] = []

  before(async () => {
    const flow = dataflow('besieged')
    const doubled = flow.input('in', new Endless()).pipe(map('double', (n: number) => 2 * n))
    doubled.output('out', new Nowhere())
    execution = start(flow)
    api = await serveApi(execution, { flow, port: 0, token: TOKEN })
  })
  after(async () => {
    await execution.stop()
    await api.close()
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await goesOn()
    await answers()
  })

  /** Ten thousand items more have gone through. */
  const goesOn = async (): Promise<void> => {
    const until = execution.metrics().itemsOut + 10_000
    while (execution.metrics().itemsOut < until) await turn()
  }
  /** Whoever holds a place is let go of in time. */
  const answers = async (): Promise<void> => {
    const ask = (): Promise<number> =>
      fetch(`${api.url}/readyz`).then(
        ({ status }) => status,
        () => 0,
      )
    while ((await ask()) !== 200) await turn()
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  /** A connection that has said this, and keeps what comes back. */
  const caller = (head: string): { readonly socket: Socket; answer: string; gone: boolean } => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1')
    const made = { socket, answer: '', gone: false }
    sockets.push(socket)
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      made.answer = (made.answer + chunk).slice(0, 1000)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      made.gone = true
    })
    socket.write(head)
    return made
  }
  const headOf = (method: string, path: string, ...lines: readonly string[]): string =>
    [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...lines, '', ''].join('\r\n')
  const bearer = `Authorization: Bearer ${TOKEN}`

  it('goes on under 1 000 idle streams, of which it holds 16', async () => {
    const callers = Array.from({ length: 1000 }, () => caller(headOf('GET', '/flow/live', bearer)))
    const settled = (): boolean => callers.every(({ gone, answer }) => gone || answer !== '')
    while (!settled()) await turn()
    await goesOn()
    const held = callers.filter(({ answer }) => statusOf(answer) === 200)
    expect(held.length).to.equal(16)
  })

  it('goes on while 100 MB are sent to it, and takes next to nothing of them', async () => {
    for (const length of [`Content-Length: ${100 * MIB}`, 'Transfer-Encoding: chunked']) {
      const call = caller(headOf('POST', '/stop', bearer, length))
      const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
      let sent = 0
      while (!call.gone && sent < 100 * MIB) {
        if (call.socket.writableLength < MIB) call.socket.write(chunk)
        sent = call.socket.bytesWritten
        await turn()
      }
      expect(sent).to.be.lessThan(20 * MIB)
      expect(['', 'HTTP/1.1 413']).to.include(call.answer.slice(0, 12))
      await goesOn()
    }
  })

  it('is not stopped by wrong tokens', async () => {
    const wrong = ['', 'Bearer', `Bearer ${TOKEN}x`, `Bearer ${'t'.repeat(4000)}`, `Basic ${TOKEN}`]
    for (const authorization of wrong) {
      const call = caller(headOf('POST', '/stop', `Authorization: ${authorization}`))
      while (call.answer === '') await turn()
      expect(statusOf(call.answer), authorization.slice(0, 40)).to.equal(401)
    }
    await goesOn()
  })

  it('goes on under heads that are too long or climb out of their folder', async () => {
    const heads = [
      headOf('GET', '/flow', `X-Bomb: ${'b'.repeat(100_000)}`),
      headOf('GET', '/flow', ...Array.from({ length: 5000 }, (_, n) => `X-${n}: 1`)),
      headOf('GET', `/${'../'.repeat(2000)}etc/passwd`, bearer),
      headOf('GET', '/../../../../etc/passwd', bearer),
      headOf('GET', '/state/%2e%2e/%2e%2e%2fpackage.json', bearer),
    ]
    for (const head of heads) {
      const call = caller(head)
      while (call.answer === '' && !call.gone) await turn()
      expect(['', '404', '431', '414']).to.include(call.answer.slice(9, 12))
    }
    await goesOn()
  })

  it('goes on while 200 callers send a letter at a time, and lets go of them @long', async () => {
    const callers = Array.from({ length: 200 }, () => caller('GET /flow HTTP/1.1\r\nHos'))
    await goesOn()
    let next = performance.now()
    while (callers.some(({ gone }) => !gone)) {
      if (performance.now() > next) {
        next += 500
        for (const { socket } of callers) socket.write('t')
      }
      await turn()
    }
  })
})
