import { createHmac } from 'node:crypto'
import { request } from 'node:http'
import { connect } from 'node:net'
import { expect } from 'chai'
import { dataflow, type Execution, start } from 'tidemark'
import {
  type WebhookItem,
  type WebhookOptions,
  WebhookSource,
  webhookInput,
} from 'tidemark/connectors/http'
import { map } from 'tidemark/operators'
import { MemoryStore, TestingSink } from 'tidemark/testing'

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

/** A flow behind a port. */
class World {
  readonly source: WebhookSource
  readonly items: WebhookItem[] = []
  readonly run: Execution

  constructor(options: Partial<WebhookOptions> = {}, store: MemoryStore | null = null) {
    this.source = new WebhookSource({ port: 0, path: '/in', ...options })
    const flow = dataflow('webhook')
    flow.input('in', this.source).output('out', new TestingSink(this.items))
    this.run = start(flow, { epochInterval: 20, ...(store === null ? {} : { recovery: store }) })
  }

  async ready(): Promise<string> {
    for (;;) {
      const { url } = this.source
      if (url !== null && (await post(url, '', { 'Content-Type': 'none/none' })).status !== 503) {
        return url
      }
      await turn()
    }
  }

  /** Resolves when so many items have come out. */
  async came(count: number): Promise<readonly unknown[]> {
    while (this.items.length < count) await turn()
    return this.items.map(({ body }) => body)
  }

  async end(): Promise<void> {
    await this.run.stop()
    await this.run.done
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 1))

const post = async (
  url: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> => {
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/json', ...headers },
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

/** What a server sends to bytes that are no proper use of HTTP, until it hangs up. */
const raw = (url: string, text: string): Promise<string> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => socket.write(text))
    let said = ''
    socket.on('data', (chunk) => {
      said += String(chunk)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(said))
  })

describe('WebhookSource', () => {
  let world: World
  afterEach(() => world.end())

  it('gives bodies as their type says: JSON, lines of it, text and bytes', async () => {
    world = new World()
    const url = await world.ready()
    expect((await post(`${url}?a=1`, '{"n":1,"__proto__":{"x":1}}')).status).to.equal(202)
    await post(url, '{"n":2}\r\n\n{"n":3}\n', { 'Content-Type': 'application/x-ndjson' })
    await post(url, 'Ähre', { 'Content-Type': 'text/plain; charset=utf-8' })
    await post(url, new Uint8Array([0, 255]), { 'Content-Type': 'application/octet-stream' })
    expect(await world.came(5)).to.deep.equal([
      { n: 1 },
      { n: 2 },
      { n: 3 },
      'Ähre',
      new Uint8Array([0, 255]),
    ])
    expect(Object.keys(world.items[0]?.body as object)).to.deep.equal(['n'])
    expect(world.items[0]?.query).to.equal('a=1')
  })

  it('says what is wrong with a request that it does not take', async () => {
    world = new World({ maxBody: 50, hosts: ['localhost', '127.0.0.1'] })
    const url = await world.ready()
    const statuses = [
      await post(url, '{"n":'),
      await post(url, '{}\n{', { 'Content-Type': 'application/jsonl' }),
      await post(url, new Uint8Array([34, 255, 34])),
      await post(url, '{}', { 'Content-Type': 'image/png' }),
      await post(url, '{}', { 'Content-Encoding': 'gzip' }),
      await post(url, `"${'x'.repeat(60)}"`),
      await post(`${url}/else`, '{}'),
      await post(url, '{}', { Origin: 'https://elsewhere.example' }),
    ].map(({ status }) => status)
    expect(statuses).to.deep.equal([400, 400, 400, 415, 415, 413, 404, 403])
    expect((await fetch(url)).status).to.equal(405)
    const foreign =
      'POST /in HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
    expect(await raw(url, foreign)).to.match(/^HTTP\/1.1 403 /)
    expect(world.items).to.deep.equal([])
  })

  it('takes only what is signed, over the bytes as they came', async () => {
    const signature = { header: 'X-Sign', secret: ['new', 'old'], prefix: 'sha256=' } as const
    world = new World({ signature })
    const url = await world.ready()
    const body = '{ "n" : 1 }'
    const sign = (secret: string) =>
      `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
    expect((await post(url, body)).status).to.equal(401)
    expect((await post(url, body, { 'X-Sign': sign('other') })).status).to.equal(401)
    expect((await post(url, `${body} `, { 'X-Sign': sign('new') })).status).to.equal(401)
    expect((await post(url, body, { 'X-Sign': sign('new') })).status).to.equal(202)
    expect((await post(url, body, { 'X-Sign': sign('old') })).status).to.equal(202)
    expect(await world.came(2)).to.deep.equal([{ n: 1 }, { n: 1 }])
  })

  it('answers when the epoch is durable, and not before', async () => {
    const store = new MemoryStore()
    world = new World({ ack: 'committed', dedupe: { header: 'X-Id' } }, store)
    const url = await world.ready()
    const answers = await Promise.all(
      [1, 2, 3].map((n) => post(url, JSON.stringify(n), { 'X-Id': `id-${n}` })),
    )
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200])
    await world.end()
    // What was answered is behind the position: the next run knows the ids.
    world = new World({ ack: 'committed', dedupe: { header: 'X-Id' } }, store)
    const again = await world.ready()
    expect((await post(again, '2', { 'X-Id': 'id-2' })).text).to.include('before')
    expect((await post(again, '4', { 'X-Id': 'id-4' })).status).to.equal(200)
    expect(await world.came(1)).to.deep.equal([4])
  })

  it('tells who waits for a commit that does not come in time, or at all', async () => {
    world = new World({ ack: 'committed', commitTimeout: 30 })
    const held = new WebhookSource({ port: 0, ack: 'committed', commitTimeout: 20 })
    const part = await held.buildPart('in', '0/', null)
    const url = held.url ?? ''
    expect((await post(url, '1')).status).to.equal(503)
    const batch = part.nextBatch()
    expect((await post(url, '1')).status).to.equal(504)
    expect([...((await batch) as Iterable<WebhookItem>)]).to.have.length(1)
    await part.close()
    const patient = new WebhookSource({ port: 0, ack: 'committed' })
    const other = await patient.buildPart('in', '0/', null)
    void other.nextBatch()
    const waits = post(patient.url ?? '', '2')
    const lost = post(patient.url ?? '', '3')
    await turn()
    await other.close()
    expect((await waits.catch(() => ({ status: 503 }))).status).to.equal(503)
    expect((await lost.catch(() => ({ status: 503 }))).status).to.equal(503)
  })

  it('shares the answer of a request that is sent twice at once', async () => {
    world = new World()
    const source = new WebhookSource({ port: 0, ack: 'committed', dedupe: { header: 'X-Id' } })
    const part = await source.buildPart('in', '0/', null)
    const first = part.nextBatch() as Promise<Iterable<WebhookItem>>
    const both = ['1', '1'].map((n) => post(source.url ?? '', n, { 'X-Id': 'same' }))
    expect([...(await first)]).to.have.length(1)
    await turn()
    part.onCommit(part.snapshot())
    for (const answer of both) {
      expect((await answer).status).to.equal(200)
    }
    expect((await post(source.url ?? '', '1', {})).status).to.equal(400)
    expect(part.snapshot()).to.deep.equal({ requests: 1, ids: ['same'] })
    await part.close()
  })

  it('refuses a flood and keeps no more of it than its room', async () => {
    world = new World()
    const source = new WebhookSource({ port: 0, buffer: 1000, bufferBytes: 200_000 })
    const part = await source.buildPart('in', '0/', null)
    const first = part.nextBatch() as Promise<Iterable<WebhookItem>>
    const url = source.url ?? ''
    await post(url, '"first"')
    const taken = [...(await first)].length
    const body = JSON.stringify('x'.repeat(10_000))
    const statuses: number[] = []
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(Array.from({ length: 40 }, () => post(url, body)))
      for (const { status, headers } of answers) {
        statuses.push(status)
        if (status === 429) expect(headers.get('retry-after')).to.equal('1')
      }
    }
    const accepted = statuses.filter((status) => status === 202).length
    expect(new Set(statuses)).to.deep.equal(new Set([202, 429]))
    expect(accepted * body.length).to.be.at.most(200_000)
    expect([...(part.nextBatch() as Iterable<WebhookItem>)]).to.have.length(accepted)
    expect(taken).to.equal(1)
    expect((await post(url, body)).status).to.equal(202)
    await part.close()
  })

  it('cuts off a body without a length that is too large, and a sender that is too slow', async () => {
    world = new World({ maxBody: 1000, requestTimeout: 200 })
    const url = await world.ready()
    const head = 'POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n'
    const chunk = `7d0\r\n${'x'.repeat(2000)}\r\n`
    expect(await raw(url, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`)).to.match(
      /^HTTP\/1.1 413 /,
    )
    expect(await raw(url, `${head}Content-Length: 100\r\n\r\nslow`)).to.match(/^HTTP\/1.1 408 /)
    expect(await raw(url, 'POST /in HTTP/1.1\r\nHost: local')).to.match(/^HTTP\/1.1 408 /)
    expect(await raw(url, `${head}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`)).to.match(
      /^HTTP\/1.1 431 /,
    )
    expect((await post(url, '1')).status).to.equal(202)
  })

  it('asks for the body only when it would take it', async () => {
    world = new World({ maxBody: 10 })
    const url = new URL(await world.ready())
    const expecting = (length: number): Promise<string> =>
      new Promise((resolve, reject) => {
        const sent = request(url, {
          method: 'POST',
          headers: {
            'Content-Type': 'text/plain',
            'Content-Length': length,
            Expect: '100-continue',
          },
        })
        sent.on('continue', () => sent.end('x'.repeat(length)))
        sent.on('response', (response) => {
          response.resume()
          resolve(String(response.statusCode))
          sent.destroy()
        })
        sent.on('error', reject)
        sent.flushHeaders()
      })
    expect(await expecting(5)).to.equal('202')
    expect(await expecting(50)).to.equal('413')
  })

  it('gives malformed bodies aside, with their bytes intact', async () => {
    world = new World()
    const oks: unknown[] = []
    const errs: unknown[] = []
    const port = 20_000 + (process.pid % 20_000)
    const flow = dataflow('aside')
    const input = webhookInput('in', flow, { port, format: 'json' })
    input.oks.pipe(map('body', ({ body }) => body)).output('oks', new TestingSink(oks))
    input.errs
      .pipe(map('bytes', ({ bytes, reason }) => ({ bytes: [...bytes], reason })))
      .output('errs', new TestingSink(errs))
    const run = start(flow, { epochInterval: 20 })
    const url = `http://127.0.0.1:${port}/`
    for (;;) {
      const status = await post(url, '{}').then(
        (answer) => answer.status,
        () => 503,
      )
      if (status === 202) break
      await turn()
    }
    expect((await post(url, new Uint8Array([123, 0, 255]))).status).to.equal(202)
    while (errs.length < 1 || oks.length < 1) await turn()
    await run.stop()
    await run.done
    expect(oks).to.deep.equal([{}])
    expect(errs).to.deep.equal([{ bytes: [123, 0, 255], reason: 'it is not UTF-8' }])
  })

  it('refuses options that can not work', () => {
    world = new World()
    for (const wrong of [
      { port: -1 },
      { port: 1, path: 'in' },
      { port: 1, ack: 'later' as 'accepted' },
      { port: 1, maxBody: 0 },
      { port: 1, signature: { header: 'x', secret: '' } },
      { port: 1, dedupe: { header: 'not a header' } },
    ]) {
      expect(() => new WebhookSource(wrong), JSON.stringify(wrong)).to.throw(/must|is '|header/)
    }
  })
})
