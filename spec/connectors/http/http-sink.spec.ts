import { expect } from 'chai'
import { ConnectorError, dataflow, run } from 'tidemark'
import { type HttpRefusal, HttpSink, type HttpSinkOptions } from 'tidemark/connectors/http'
import { keyOn } from 'tidemark/operators'
import { MemoryStore, TestingSource } from 'tidemark/testing'
import { failure } from '../../support/failure.ts'
import { HttpPeer } from '../../support/http-peer.ts'

describe('HttpSink', () => {
  let peer: HttpPeer
  beforeEach(async () => {
    peer = await HttpPeer.make((_, response) => void response.writeHead(204).end())
  })
  afterEach(() => peer.close())

  const flowOf = <T>(items: readonly T[], options: Partial<HttpSinkOptions<T>> = {}) => {
    const flow = dataflow('push')
    flow
      .input('in', new TestingSource<T>([...items], { batchSize: 2 }))
      .output('out', new HttpSink<T>({ url: peer.url, ...options }))
    return flow
  }
  const bodies = () => peer.heard.map(({ body }) => body)
  const keys = () => peer.heard.map(({ headers }) => headers['idempotency-key'])

  it('sends each item in order, with a key of its own', async () => {
    await run(flowOf<unknown>([{ n: 1 }, 'text', 3]))
    expect(bodies()).to.deep.equal(['{"n":1}', 'text', '3'])
    expect(new Set(keys()).size).to.equal(3)
    expect(peer.heard[0]).to.include({ method: 'POST' })
    expect(peer.heard[0]?.headers['content-type']).to.equal('application/json')
  })

  it('sends values of keyed items, several as an array or as lines', async () => {
    const flow = dataflow('push')
    const items = flow.input('in', new TestingSource([1, 2, 3], { batchSize: 3 }))
    const keyed = items.pipe(keyOn('key', () => 'k'))
    keyed.output('array', new HttpSink({ url: peer.url, batchSize: 2 }))
    keyed.output('lines', new HttpSink({ url: peer.url, batchSize: 9, format: 'ndjson' }))
    await run(flow)
    expect(bodies().sort()).to.deep.equal(['1\n2\n3\n', '[1,2]', '[3]'])
  })

  it('sends again what was not answered with a yes, under the same key', async () => {
    let calls = 0
    peer.answer((_, response) => {
      calls += 1
      if (calls === 2) response.writeHead(500).end('down')
      else if (calls === 3) response.destroy()
      else if (calls === 4) response.writeHead(429, { 'Retry-After': '1' }).end()
      else response.end()
    })
    const before = Date.now()
    await run(flowOf([1, 2, 3]))
    expect(Date.now() - before).to.be.at.least(1000)
    expect(bodies()).to.deep.equal(['1', '2', '2', '2', '2', '3'])
    expect(new Set(keys()).size).to.equal(3)
    expect(new Set(keys().slice(1, 5)).size).to.equal(1)
  })

  it('has the same keys for what it sends again in another run, and others for new items', async () => {
    const store = new MemoryStore()
    peer.answer((_, response) => void response.writeHead(400).end())
    expect(await failure(run(flowOf([1, 2]), { recovery: store }))).to.be.instanceOf(ConnectorError)
    const [lost] = keys()
    peer.answer((_, response) => void response.end())
    await run(flowOf([1, 2]), { recovery: store })
    expect(bodies()).to.deep.equal(['1', '1', '2'])
    expect(keys()[1]).to.equal(lost)
    await run(flowOf([1, 2, 1]), { recovery: store })
    // The store does not know how far a receiver came: what it still holds is sent once more.
    expect(bodies().at(-1)).to.equal('1')
    expect(new Set(keys()).size).to.equal(3)
  })

  it('has keys of their own for runs that keep nothing', async () => {
    await run(flowOf([1]))
    await run(flowOf([1]))
    expect(new Set(keys()).size).to.equal(2)
  })

  it('fails where it is refused for good, or hands the refusal over and goes on', async () => {
    peer.answer(({ body }, response) => {
      response.writeHead(body === '2' ? 422 : 200).end('not two')
    })
    const error = await failure(run(flowOf([1, 2, 3])))
    expect(String(error)).to.include('answered 422: not two')
    const told: HttpRefusal<number>[] = []
    peer.heard.length = 0
    await run(flowOf([1, 2, 3], { onRefused: (refusal) => void told.push(refusal) }))
    expect(bodies()).to.deep.equal(['1', '2', '3'])
    expect(told).to.deep.equal([{ items: [2], status: 422, text: 'not two' }])
    peer.answer((_, response) => void response.writeHead(302, { Location: '/else' }).end())
    expect(String(await failure(run(flowOf([1]))))).to.include('answered 302')
  })

  it('refuses options that can not work', () => {
    for (const wrong of [{ url: 'ftp://x' }, { url: 'x' }, { url: peer.url, batchSize: 0 }]) {
      expect(() => new HttpSink(wrong)).to.throw(/must be/)
    }
  })
})
