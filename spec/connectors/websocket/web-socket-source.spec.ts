import { createServer } from 'node:http'
import { expect } from 'chai'
import { ConnectorError, EOF, type StatelessSourcePartition } from 'tidemark'
import { WebSocketSource, type WebSocketSourceOptions } from 'tidemark/connectors/websocket'
import { describeSource, pollNextBatch } from 'tidemark/testing'
import { failure } from '../../support/failure.ts'
import { WebSocketPeer } from '../../support/web-socket-peer.ts'

const turn = () => new Promise((resolve) => setTimeout(resolve, 1))

describeSource('WebSocketSource', async () => {
  const peer = await WebSocketPeer.make((socket) => {
    for (const each of ['a', 'b', 'c', 'd']) socket.send(each)
    socket.close(1000)
  })
  const source = new WebSocketSource({ url: peer.url, endOnClose: true, batchSize: 2 })
  return { source, items: ['a', 'b', 'c', 'd'], dispose: () => peer.close() }
})

describe('WebSocketSource', () => {
  let peer: WebSocketPeer
  let part: StatelessSourcePartition<unknown> | null = null

  afterEach(async () => {
    await part?.close()
    part = null
    await peer.close()
  })

  const open = async <T>(
    options: Partial<WebSocketSourceOptions<T>> = {},
  ): Promise<StatelessSourcePartition<T>> => {
    const source = new WebSocketSource<T>({ url: peer.url, reconnect: 1, ...options })
    const built = await source.build('in', 0)
    part = built
    return built
  }

  it('says what it wants whenever it has connected, and connects again when it is cut off', async () => {
    peer = await WebSocketPeer.make((socket, nth) => {
      socket.on('message', () => {
        socket.send(`from ${nth}`)
        socket.terminate()
      })
    })
    let asked = 0
    const from = await open<string>({
      subscribe: () => {
        asked += 1
        return [`subscribe ${asked}`]
      },
    })
    expect(await pollNextBatch(from)).to.deep.equal(['from 1'])
    expect(await pollNextBatch(from)).to.deep.equal(['from 2'])
    expect(peer.heard.slice(0, 2)).to.deep.equal(['subscribe 1', 'subscribe 2'])
  })

  it('finds a server that went away for a while', async () => {
    peer = await WebSocketPeer.make((socket) => socket.send('one'))
    const from = await open<string>()
    expect(await pollNextBatch(from)).to.deep.equal(['one'])
    const { port } = peer
    await peer.close()
    await turn()
    peer = await WebSocketPeer.make((socket) => socket.send('two'), { port })
    expect(await pollNextBatch(from)).to.deep.equal(['two'])
  })

  it('leaves a server that answers no ping', async () => {
    peer = await WebSocketPeer.make((socket, nth) => socket.send(`${nth}`), { autoPong: false })
    const from = await open<string>({ pingEvery: 20 })
    expect(await pollNextBatch(from)).to.deep.equal(['1'])
    expect(await pollNextBatch(from)).to.deep.equal(['2'])
  })

  it('reads no further than its buffer while nobody takes, and loses nothing of it', async () => {
    let sent = 0
    const total = 3000
    peer = await WebSocketPeer.make((socket) => {
      const text = 'x'.repeat(50_000)
      const more = (): void => {
        if (sent === total) return
        sent += 1
        socket.send(`${sent} ${text}`, more)
      }
      more()
    })
    const from = await open<string>({ buffer: 10, pingEvery: 20 })
    let before = -1
    while (before !== sent) {
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(sent).to.be.below(total)
    for (let next = 1; next <= 100; ) {
      for (const item of (await pollNextBatch(from)) as string[]) {
        expect(item.split(' ')[0]).to.equal(String(next))
        next += 1
      }
    }
    expect(peer.connections).to.equal(1)
  })

  it('drops the oldest, or the newest, or fails, when told so', async () => {
    let done = 0
    peer = await WebSocketPeer.make((socket) => {
      for (let n = 1; n <= 9; n += 1) socket.send(`${n}`, () => (done += 1))
    })
    const all = async (overflow: 'dropOldest' | 'dropNewest' | 'error') => {
      done = 0
      const from = await open<string>({ overflow, buffer: 3, batchSize: 9 })
      while (done < 9) await turn()
      for (let wait = 0; wait < 20; wait += 1) await turn()
      const items = (await pollNextBatch(from)) as string[]
      const told = overflow === 'error' ? await failure(pollNextBatch(from)) : null
      await from.close()
      return [items.join(''), told]
    }
    expect(await all('dropOldest')).to.deep.equal(['789', null])
    expect(await all('dropNewest')).to.deep.equal(['123', null])
    const [items, told] = await all('error')
    expect(items).to.equal('123')
    expect(told).to.be.instanceOf(ConnectorError)
  })

  it('fails at a message that is too long or can not be decoded', async () => {
    peer = await WebSocketPeer.make((socket) => socket.send('{"n":1'))
    const decode = (data: Uint8Array): unknown => JSON.parse(Buffer.from(data).toString())
    const broken = await open({ decode })
    expect(String(await failure(pollNextBatch(broken)))).to.include("can't be decoded")
    await broken.close()
    const long = await open({ maxPayload: 3 })
    expect(String(await failure(pollNextBatch(long)))).to.include('more than 3 bytes')
  })

  it('gives binary messages to the decoder as they are', async () => {
    peer = await WebSocketPeer.make((socket) => socket.send(new Uint8Array([0, 255])))
    const from = await open({ decode: (data, isBinary) => [isBinary, ...data] })
    expect(await pollNextBatch(from)).to.deep.equal([[true, 0, 255]])
  })

  it('tells whether trying again may help when it can not connect', async () => {
    peer = await WebSocketPeer.make(() => {})
    const server = createServer().listen(0, '127.0.0.1')
    server.on('upgrade', (request, socket) => {
      socket.end(`HTTP/1.1 ${request.url?.startsWith('/busy') ? '503 Busy' : '403 No'}\r\n\r\n`)
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    const url = `ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    const told = async (options: { readonly url: string }) =>
      (await failure(open(options))) as ConnectorError
    expect(await told({ url: `${url}/busy?token=x` })).to.include({ retryable: true })
    const no = await told({ url: `${url}/no?token=x` })
    expect(no).to.include({ retryable: false })
    expect(no.message).to.include('answered 403').and.not.include('token')
    await new Promise((resolve) => server.close(resolve))
    expect(await told({ url })).to.include({ retryable: true })
    expect(() => new WebSocketSource({ url: 'http://x' })).to.throw(/ws:/)
  })

  it('is read by one worker, the others have nothing', async () => {
    peer = await WebSocketPeer.make(() => {})
    const other = await new WebSocketSource({ url: peer.url }).build('in', 1)
    expect(other.nextBatch()).to.equal(EOF)
    expect(peer.connections).to.equal(0)
  })
})
