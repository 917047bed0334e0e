import { connect } from 'node:net'
import { expect } from 'chai'
import fc from 'fast-check'
import { Served, statusOf } from './served.ts'

const MIB = 1024 * 1024

describe('The HTTP API, asked by somebody hostile,', () => {
  let served: Served

  before(async () => {
    served = await Served.start()
  })
  after(() => served.end())

  /** The flow goes on, and the API answers. */
  const stands = async (): Promise<void> => {
    expect((await served.ask('/readyz')).status).to.equal(200)
  }
  const get = (path: string, headers = ''): Promise<string> =>
    served.raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`)

  it('answers no foreign host name, which a name server may point here', async () => {
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil', '[::2]', '']) {
      const answer = await served.raw(
        `GET /flow HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      )
      expect([400, 403], host).to.include(statusOf(answer))
    }
    expect(statusOf(await served.raw('GET /flow HTTP/1.0\r\n\r\n'))).to.equal(403)
    for (const host of ['127.0.0.1', 'LOCALHOST:3030', '[::1]:80']) {
      const answer = await served.raw(
        `GET /flow HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      )
      expect(statusOf(answer), host).to.equal(200)
    }
  })

  it('is not stopped by a page of another site', async () => {
    const headers: readonly Record<string, string>[] = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:1` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' },
    ]
    for (const each of headers) {
      const lines = Object.entries(each).map(([name, value]) => `${name}: ${value}\r\n`)
      const answer = await served.raw(
        `POST /stop HTTP/1.1\r\nHost: 127.0.0.1:${served.port}\r\nConnection: close\r\nContent-Length: 0\r\n${lines.join('')}\r\n`,
      )
      expect(statusOf(answer), JSON.stringify(each)).to.equal(403)
    }
    expect(statusOf(await get('/flow/live', 'Sec-Fetch-Site: cross-site\r\n'))).to.equal(403)
    await stands()
  })

  it('finds no file and no inherited name by any path', async () => {
    const paths = [
      '/../../etc/passwd',
      '/state/../flow',
      '/state/sum/%2e%2e%2f%2e%2e',
      '/state/__proto__/toString',
      '/state/sum/__proto__',
      '/state/constructor/constructor',
      '/__proto__',
      '/%66low',
      '/flow%00',
      '//flow',
    ]
    for (const path of paths) expect(statusOf(await get(path)), path).to.equal(404)
    for (const path of ['/state/sum/%', '/state/%zz/odd', '/state/sum/%c3%28']) {
      expect(statusOf(await get(path)), path).to.equal(400)
    }
    for (const path of ['http://evil.example/flow', '*']) {
      expect(statusOf(await get(path)), path).to.equal(400)
    }
    await stands()
  })

  it('answers any path and any key without an error of its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.boolean(), async (text, inState) => {
        const path = inState ? `/state/sum/${encodeURIComponent(text)}` : `/${text}`
        const sendable = path.replace(/[^!-~]/g, '%')
        expect([200, 400, 404]).to.include(statusOf(await get(sendable)))
      }),
      { numRuns: 60 },
    )
    await stands()
  })

  it('hears no bytes that are no HTTP', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1 }), async (text) => {
        expect(await served.raw(`${text}\r\n\r\n`, { ends: true })).to.match(/^(HTTP\/1\.1 4|$)/)
      }),
      { numRuns: 30 },
    )
    expect(statusOf(await served.raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', { ends: true }))).to.equal(
      400,
    )
    const tunnel = 'CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n'
    expect(await served.raw(tunnel)).to.equal('')
    const upgrade =
      'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    expect(await served.raw(upgrade)).to.equal('')
    await stands()
  })

  it('refuses heads that are too long', async () => {
    expect(statusOf(await get(`/${'a'.repeat(20_000)}`))).to.equal(431)
    expect(statusOf(await get('/flow', `X-Bomb: ${'b'.repeat(20_000)}\r\n`))).to.equal(431)
    const many = Array.from({ length: 2000 }, (_, n) => `X-${n}: 1\r\n`).join('')
    expect(statusOf(await get('/flow', many))).to.equal(431)
    await stands()
  })

  it('takes no long body, be its length told or not', async () => {
    const told = await served.raw(
      `POST /stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${100 * MIB}\r\n\r\n${'x'.repeat(MIB)}`,
    )
    expect(['', 'HTTP/1.1 413']).to.include(told.slice(0, 12))
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    const chunked = await served.raw(
      `POST /stop HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(8)}`,
    )
    expect(['', 'HTTP/1.1 413']).to.include(chunked.slice(0, 12))
    const twice =
      'POST /stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    expect(statusOf(await served.raw(twice))).to.equal(400)
    await stands()
  })

  it('has a bound on event streams, and room again when one has gone', async () => {
    const aborts: AbortController[] = []
    const live = (): Promise<Response> => {
      const abort = new AbortController()
      aborts.push(abort)
      return served.ask('/flow/live', { signal: abort.signal })
    }
    const statuses: number[] = []
    for (let n = 0; n < 20; n++) statuses.push((await live()).status)
    expect(statuses.filter((status) => status === 200).length).to.equal(16)
    expect(statuses.slice(16)).to.deep.equal([503, 503, 503, 503])
    for (const abort of aborts) abort.abort()
    let again = 503
    while (again === 503) again = (await live()).status
    expect(again).to.equal(200)
    aborts.at(-1)?.abort()
    await stands()
  })

  it('lets go of whoever sends a head byte by byte, and of those beyond 128 @long', async () => {
    const sockets = Array.from({ length: 300 }, () => connect(served.port, '127.0.0.1'))
    const gone = sockets.map((socket) => {
      // What comes back is read, so that the end is seen; one that is turned away may be reset.
      socket.on('error', () => {}).resume()
      socket.write('GET /flow HTTP/1.1\r\nHost: loc')
      return new Promise((resolve) => socket.on('close', resolve))
    })
    await Promise.all(gone)
    await stands()
  })
})
