import { expect } from 'chai'
import { start } from 'tidemark'
import { serveApi } from 'tidemark/ops'
import { dashboard } from '../../../ops/dashboard/document.ts'
import { Served, waiting } from './served.ts'

const TOKEN = 'a-token-of-the-spec'

/** The events of a stream, until it ends or `until` says so. */
const eventsOf = async (
  response: Response,
  until: (events: readonly string[]) => boolean = () => false,
): Promise<readonly string[]> => {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (!done) text += decoder.decode(value, { stream: true })
    const events = text.split('\n\n').filter((event) => /^(data|event):/m.test(event))
    if (done || until(events)) {
      await reader.cancel()
      return events
    }
  }
}

describe('The HTTP API of a running flow', () => {
  const open: Served[] = []
  const served = async (...options: Parameters<typeof Served.start>): Promise<Served> => {
    const made = await Served.start(...options)
    open.push(made)
    return made
  }

  afterEach(async () => {
    for (const each of open.splice(0)) await each.end()
  })

  for (const workers of [1, 2]) {
    it(`says that it is healthy and ready (workers: ${workers})`, async () => {
      const flow = await served({}, { workers })
      expect(await (await flow.ask('/healthz')).text()).to.equal('ok\n')
      const ready = await flow.ask('/readyz')
      expect([ready.status, await ready.text()]).to.deep.equal([200, 'ready\n'])
    })
  }

  it('lists what there is', async () => {
    expect(await (await (await served()).ask('/')).text()).to.contain('/state/<step>/<key>')
  })

  it('gives the graph', async () => {
    const response = await (await served()).ask('/flow')
    expect(response.headers.get('content-type')).to.equal('application/json')
    const { flow, steps } = (await response.json()) as { flow: string; steps: { id: string }[] }
    expect(flow).to.equal('waiting')
    expect(steps.map(({ id }) => id)).to.deep.equal(['in', 'same', 'kind', 'sum', 'out'])
  })

  it('gives live state, of keys with any signs in them', async () => {
    const flow = await served({}, { workers: 2 })
    const odd = await (await flow.ask('/state/sum/odd')).json()
    expect(odd).to.deep.equal({ step: 'sum', key: 'odd', state: 9 })
    const even = await (await flow.ask(`/state/sum/${encodeURIComponent('a/b ä')}`)).json()
    expect(even).to.include({ key: 'a/b ä', state: 6 })
  })

  it('lets a hook take out what nobody should read', async () => {
    const flow = await served({ redact: (_state, { step, key }) => `${step} of ${key} is secret` })
    const { state } = (await (await flow.ask('/state/sum/odd')).json()) as { state: unknown }
    expect(state).to.equal('sum of odd is secret')
  })

  it('has no state of steps and keys that are not there, or keep none', async () => {
    const flow = await served()
    for (const path of ['sum/none', 'none/odd', 'same/odd', 'in/odd', 'waiting.sum/odd']) {
      expect((await flow.ask(`/state/${path}`)).status, path).to.equal(404)
    }
    for (const path of ['/state', '/state/sum', '/state/sum/odd/more', '/nothing', '/flow/']) {
      expect((await flow.ask(path)).status, path).to.equal(404)
    }
  })

  it('serves metrics', async () => {
    const response = await (await served()).ask('/metrics')
    expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/)
    expect(await response.text()).to.contain('tidemark_items_in_total{step="in",worker="0"} 5\n')
  })

  it('streams where every step stands, and an end of its own when the flow stops', async () => {
    const flow = await served()
    const seen = await eventsOf(await flow.ask('/flow/live'), (events) => events.length > 0)
    const { workers } = JSON.parse(seen[0]?.replace(/^data: /, '') ?? '') as {
      workers: { steps: { step: string; itemsIn: number; keys: number | null }[] }[]
    }
    const sum = workers[0]?.steps.find(({ step }) => step === 'sum')
    expect(sum).to.include({ itemsIn: 5, keys: 2 })
    const last = flow.ask('/flow/live').then((response) => eventsOf(response))
    await flow
      .ask('/flow/live')
      .then((response) => eventsOf(response, (events) => events.length > 0))
    await flow.execution.stop()
    expect((await last).at(-1)).to.equal('event: end\ndata: {}')
  })

  it('drains the flow when told to stop, and is gone with it', async () => {
    const flow = await served()
    const response = await flow.ask('/stop', { method: 'POST' })
    expect([response.status, await response.json()]).to.deep.equal([202, { stopping: true }])
    expect(await flow.execution.done).to.include({ reason: 'stopped', itemsIn: 5 })
    await flow.api.close()
    expect(await flow.ask('/healthz').catch(() => 'gone')).to.equal('gone')
  })

  it('answers HEAD as GET, and says which method a path takes', async () => {
    const flow = await served()
    const head = await flow.ask('/healthz', { method: 'HEAD' })
    expect([head.status, await head.text()]).to.deep.equal([200, ''])
    for (const [method, path, allow] of [
      ['GET', '/stop', 'POST'],
      ['POST', '/flow', 'GET'],
      ['DELETE', '/state/sum/odd', 'GET'],
      ['HEAD', '/flow/live', 'GET'],
    ] as const) {
      const response = await flow.ask(path, { method })
      expect([response.status, response.headers.get('allow')]).to.deep.equal([405, allow])
    }
    expect(flow.execution.metrics().itemsIn).to.equal(5)
  })

  it('takes the next free port from 3030', async () => {
    const port = (flow: Served): number => Number(new URL(flow.api.url).port)
    const { flow, through } = waiting()
    const execution = start(flow)
    await through
    const first = await serveApi(execution, { flow })
    const second = await serveApi(execution, { flow })
    await execution.stop()
    const [one, two] = [first, second].map((api) => port({ api } as Served))
    expect(one).to.be.at.least(3030)
    expect(two).to.be.greaterThan(one ?? 0)
    await Promise.all([first.close(), second.close()])
  })

  describe('with a token', () => {
    it('answers nobody without it but the probes', async () => {
      const flow = await served({ token: TOKEN })
      for (const authorization of ['', 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]) {
        for (const path of ['/metrics', '/flow', '/flow/live', '/state/sum/odd', '/nothing']) {
          const response = await flow.ask(path, { headers: { authorization } })
          expect(response.status, `${path} ${authorization}`).to.equal(401)
        }
        const stop = await flow.ask('/stop', { method: 'POST', headers: { authorization } })
        expect(stop.status).to.equal(401)
      }
      expect((await flow.ask('/healthz')).status).to.equal(200)
      expect((await flow.ask('/readyz')).status).to.equal(200)
      const page = await flow.ask('/', { headers: { accept: 'text/html' } })
      expect(page.status).to.equal(200)
      expect(await page.text()).to.equal((await dashboard()).html)
      const headers = { authorization: `Bearer ${TOKEN}` }
      expect((await flow.ask('/flow', { headers })).status).to.equal(200)
    })

    it('is refused where others can reach it and there is none, or a weak one', async () => {
      const { flow } = waiting()
      const execution = start(flow)
      const refused = async (options: { host?: string; token?: string }): Promise<string> =>
        serveApi(execution, { flow, port: 0, ...options }).then(
          () => 'served',
          (error: Error) => error.message,
        )
      expect(await refused({ host: '0.0.0.0' })).to.match(/needs a token: set TIDEMARK_API_TOKEN/)
      expect(await refused({ token: 'short' })).to.match(/at least 16 characters/)
      expect(await refused({ token: `${TOKEN}\n` })).to.match(/letters, digits/)
      await execution.stop()
    })
  })
})
