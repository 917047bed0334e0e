import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { type Child, installed } from './children.ts'

const FLOW = 'spec/ops/flows/threaded.ts'
const MOST_LOOKS = 2000
const LISTENS = 'the API listens on '

/** The child's API, from what it says on standard error. */
const urlOf = async (child: Child): Promise<string> => {
  await child.says(LISTENS)
  return new RegExp(`${LISTENS}(\\S+)`).exec(child.stderr)?.[1] ?? ''
}

describe('tidemark run, with its API,', () => {
  const children: Child[] = []
  const run = (args: readonly string[], variables?: Readonly<Record<string, string>>): Child => {
    const child = installed(['run', FLOW, ...args], variables)
    children.push(child)
    return child
  }

  after(() => {
    for (const child of children) child.discard()
  })

  for (const workers of [1, 2]) {
    it(`measures every worker, and ends well when told to stop over HTTP (-w ${workers})`, async () => {
      const child = run(['--api', '127.0.0.1:0', '-s', '0.01', '-w', String(workers)])
      const url = await urlOf(child)
      const keys = (page: string): number[] =>
        [...page.matchAll(/^tidemark_state_keys\{step="sum",worker="\d"\} (\d+)$/gm)].map(
          ([, count]) => Number(count),
        )
      let page = ''
      const all = (): number => keys(page).reduce((a, b) => a + b, 0)
      for (let looks = 0; looks < MOST_LOOKS && all() < 100; looks++) {
        page = await (await fetch(`${url}/metrics`)).text()
      }
      expect(keys(page).length).to.equal(workers)
      expect(all()).to.equal(100)
      expect(page).to.contain('tidemark_event_loop_delay_seconds{thread="main",stat="p99"}')
      expect(page.includes('thread="worker-1"')).to.equal(workers === 2)
      const state = await (await fetch(`${url}/state/sum/42`)).json()
      expect(state).to.deep.equal({ step: 'sum', key: '42', state: 42 })
      expect((await fetch(`${url}/stop`, { method: 'POST' })).status).to.equal(202)
      expect(await child.ends(), child.stderr).to.equal(0)
    })
  }

  it('stops the flow and says so where the address it was given is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const child = run([], { TIDEMARK_API: `127.0.0.1:${port}` })
    expect(await child.ends()).to.equal(2)
    server.close()
    expect(child.stderr).to.match(/the API can't listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/)
  })

  it('listens for others only with a token', async () => {
    const child = run(['--api', '0.0.0.0:0'])
    expect(await child.ends()).to.equal(2)
    expect(child.stderr).to.match(/--api: .* set TIDEMARK_API_TOKEN/)
  })

  it('takes no address that is none', async () => {
    const child = run(['--api', 'nowhere'])
    expect(await child.ends()).to.equal(2)
    expect(child.stderr).to.match(/--api takes host:port/)
  })
})
