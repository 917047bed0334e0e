import { createServer } from 'node:net'
import { expect } from 'chai'
import type { Runtime } from 'tidemark'
import { type SseEvent, SseSource } from 'tidemark/connectors/http'
import { describeSource, pollNextBatch } from 'tidemark/testing'
import { systemRuntime } from '../../../lib/runtime/system.ts'
import { HttpPeer } from '../../support/http-peer.ts'

const EVENTS: readonly SseEvent[] = [1, 2, 3, 4, 5].map((id) => ({
  id: String(id),
  event: id === 3 ? 'change' : 'message',
  data: `line ${id}\nand Ä`,
}))

const written = ({ id, event, data }: SseEvent): string =>
  `${event === 'message' ? '' : `event: ${event}\n`}id: ${id}\n${data
    .split('\n')
    .map((line) => `data: ${line}\n`)
    .join('')}\n`

/** Sends what comes behind the id that it is asked for, two at a time; then nothing more (204). */
const replay = (): Promise<HttpPeer> =>
  HttpPeer.make(({ headers }, response) => {
    const after = Number(headers['last-event-id'] ?? 0)
    if (after >= EVENTS.length) return void response.writeHead(204).end()
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' })
    response.end(
      `: hello\nretry: 1\n\n${EVENTS.slice(after, after + 2)
        .map(written)
        .join('')}`,
    )
  })

describeSource('SseSource', async () => {
  const peer = await replay()
  return {
    source: new SseSource({ url: peer.url, batchSize: 1 }),
    items: EVENTS,
    fail: () => {
      peer.answer((_, response) => void response.writeHead(403).end())
      peer.cut()
    },
    dispose: () => peer.close(),
  }
})

describe('SseSource', () => {
  it('connects again behind the last event that came, after the server broke off', async () => {
    const peer = await HttpPeer.make(({ headers }, response) => {
      const after = Number(headers['last-event-id'] ?? 0)
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write(`retry: 1\nid: ${after + 1}\ndata: x\n\nid: ${after + 2}\ndata: half`)
      setImmediate(() => response.destroy())
    })
    const part = new SseSource({ url: peer.url }).buildPart('in', 'url', null)
    const ids: string[] = []
    while (ids.length < 4) {
      for (const { id } of (await pollNextBatch(part)) as SseEvent[]) ids.push(id)
    }
    expect(ids.slice(0, 4)).to.deep.equal(['1', '2', '3', '4'])
    await part.close()
    await peer.close()
  })

  it('reads no further than its buffer while nobody takes', async () => {
    let sent = 0
    const peer = await HttpPeer.make((_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      const text = `data: ${'x'.repeat(1000)}\n\n`
      const more = () => {
        while (response.write(text)) sent += 1
      }
      response.on('drain', more)
      more()
    })
    const part = new SseSource({ url: peer.url, buffer: 10 }).buildPart('in', 'url', null)
    let before = -1
    while (before !== sent || sent === 0) {
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    expect(sent * 1000).to.be.below(64 * 1024 * 1024)
    expect(await pollNextBatch(part)).to.not.be.empty
    await part.close()
    await peer.close()
  })

  it('pauses between two calls even where the server asks for none', async () => {
    let opened = 0
    const peer = await HttpPeer.make((_, response) => {
      opened += 1
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.end(opened < 4 ? 'retry: 0\n\n' : 'data: at last\n\n')
    })
    const waits: number[] = []
    const source = new SseSource({ url: peer.url, silence: 60_000 })
    const runtime: Runtime = {
      ...systemRuntime,
      after: (delay, task) => {
        if (delay < 1000) waits.push(delay)
        return systemRuntime.after(delay, task)
      },
    }
    source.useRun({ runtime, recovery: false })
    const part = source.buildPart('in', 'url', null)
    expect(await pollNextBatch(part)).to.have.length(1)
    expect(waits).to.have.length.at.least(3)
    expect(Math.min(...waits)).to.be.at.least(100)
    await part.close()
    await peer.close()
  })

  it('opens a stream anew that has fallen silent', async () => {
    let opened = 0
    const peer = await HttpPeer.make((_, response) => {
      opened += 1
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write(`retry: 1\ndata: ${opened}\n\n`)
    })
    const part = new SseSource({ url: peer.url, silence: 50 }).buildPart('in', 'url', null)
    expect(await pollNextBatch(part)).to.deep.equal([{ id: '', event: 'message', data: '1' }])
    expect(await pollNextBatch(part)).to.deep.equal([{ id: '', event: 'message', data: '2' }])
    await part.close()
    await peer.close()
  })

  it('fails where there is no stream, or an event has no end', async () => {
    const peer = await HttpPeer.make((_, response) => void response.end('<html>'))
    const told = async (url = peer.url) => {
      const part = new SseSource({ url, maxEvent: 1000 }).buildPart('in', 'url', null)
      const error = await pollNextBatch(part).catch((cause: unknown) => cause)
      await part.close()
      return String(error)
    }
    expect(await told()).to.include('is no stream of events')
    peer.answer((_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write(`data: ${'x'.repeat(5000)}`)
    })
    expect(await told()).to.include('more than 1000 characters')
    await peer.close()
    const closed = createServer()
    const port = await new Promise<number>((resolve) => {
      closed.listen(0, '127.0.0.1', () => {
        const address = closed.address()
        closed.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
      })
    })
    expect(await told(`http://127.0.0.1:${port}/`)).to.include("can't be reached")
  })
})
