import { expect } from 'chai'
import { PollingSource } from 'tidemark/connectors/http'
import { pollNextBatch } from 'tidemark/testing'
import { HttpPeer } from '../../support/http-peer.ts'

describe('PollingSource', () => {
  let peer: HttpPeer
  afterEach(() => peer.close())

  const open = (options: { readonly timeout?: number; readonly maxBody?: number } = {}) =>
    new PollingSource<number>({ url: peer.url, interval: 5, ...options }).buildPart(
      'in',
      'url',
      null,
    )

  it('gives the elements of each answer, and nothing while it has not changed', async () => {
    let version = 1
    peer = await HttpPeer.make(({ headers }, response) => {
      const same = headers['if-none-match'] === `"v${version}"`
      response.writeHead(same ? 304 : 200, { ETag: `"v${version}"` })
      response.end(same ? '' : JSON.stringify([version, version * 10]))
    })
    const part = open()
    expect(await pollNextBatch(part)).to.deep.equal([1, 10])
    while (peer.heard.length < 4) expect([...((await part.nextBatch()) as number[])]).to.be.empty
    version = 2
    expect(await pollNextBatch(part)).to.deep.equal([2, 20])
    expect(part.snapshot()).to.deep.equal({ etag: '"v2"', lastModified: null })
    part.close()
    const source = new PollingSource<number>({ url: peer.url, interval: 5 })
    const resumed = source.buildPart('in', 'url', structuredClone(part.snapshot()))
    expect(await resumed.nextBatch()).to.deep.equal([])
    expect(peer.heard.at(-1)?.headers['if-none-match']).to.equal('"v2"')
    resumed.close()
  })

  it('asks a server that fails again, later, and not before it says', async () => {
    let asked = 0
    peer = await HttpPeer.make((_, response) => {
      asked += 1
      if (asked === 1) response.writeHead(503, { 'Retry-After': '1' }).end()
      else if (asked === 2) response.destroy()
      else response.end('7')
    })
    const part = open()
    const before = Date.now()
    expect(await part.nextBatch()).to.deep.equal([])
    expect((part.nextAwake() ?? 0) - before).to.be.at.least(1000)
    expect(await part.nextBatch()).to.deep.equal([])
    expect(await pollNextBatch(part)).to.deep.equal([7])
    part.close()
  })

  it('fails where the server refuses, can not be reached, is too slow or says too much', async () => {
    peer = await HttpPeer.make((_, response) => void response.writeHead(404).end())
    const told = async (options = {}) => String(await caught(open(options).nextBatch()))
    expect(await told()).to.include('answered 404')
    peer.answer((_, response) => void response.end('no json'))
    expect(await told()).to.include('not JSON')
    peer.answer((_, response) => void response.end('x'.repeat(100)))
    expect(await told({ maxBody: 10 })).to.include('more than 10 bytes')
    peer.answer(() => {})
    expect(await told({ timeout: 20 })).to.include('no answer within 20 ms')
    await peer.close()
    const { message, retryable } = (await caught(
      new PollingSource({ url: 'http://127.0.0.1:1/?token=x', interval: 5 })
        .buildPart('in', 'url', null)
        .nextBatch(),
    )) as { message: string; retryable: boolean }
    expect(retryable).to.equal(true)
    expect(message)
      .to.include("can't be reached")
      .and.not.include('secret')
      .and.not.include('token')
    const secret = { url: 'http://user:secret@127.0.0.1/', interval: 5 }
    expect(() => new PollingSource(secret))
      .to.throw(/headers/)
      .with.property('message')
      .that.does.not.include('secret')
    peer = await HttpPeer.make(() => {})
  })

  it('ends a poll that is on its way when it is closed', async () => {
    peer = await HttpPeer.make(() => {})
    const part = open()
    const pending = part.nextBatch()
    part.close()
    expect(await pending).to.deep.equal([])
  })
})

const caught = (doing: PromiseLike<unknown> | unknown): Promise<unknown> =>
  Promise.resolve(doing).then(
    () => null,
    (error: unknown) => error,
  )
