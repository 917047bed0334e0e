import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { expect } from 'chai'
import { Served } from '../ops/api/served.ts'
import { Folder } from '../support/folder.ts'
import { tidemark } from './children.ts'
import { command } from './in-process.ts'

const TOKEN = 'a-token-of-some-length'

/** A server that answers every request in its own way. */
const answering = async (answer: Parameters<typeof createServer>[1]): Promise<Server> => {
  const server = createServer({}, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const urlOf = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as { port: number }).port}`

describe('tidemark doctor', () => {
  let served: Served

  before(async () => {
    served = await Served.start({ token: TOKEN })
  })

  after(() => served.end())

  it('says how a running flow is, and ends with 0 where it is well', async () => {
    const { code, stdout, stderr } = await command(['doctor', served.api.url, '--for', '0.5'], {
      TIDEMARK_API_TOKEN: TOKEN,
    })
    expect(code, stderr + stdout).to.equal(0)
    expect(stdout).to.match(/^ok {3}flow: "waiting" reads, on 1 worker\.$/m)
    expect(stdout).to.match(/^note recovery: No snapshots are kept/m)
    expect(stdout).to.match(/^ok {3}errors: No item has failed\.$/m)
  })

  it('takes the token from a file, and prints JSON', async () => {
    const folder = new Folder()
    await folder.make()
    try {
      await writeFile(folder.file('token'), `${TOKEN}\n`)
      const args = ['--for', '0.5', '--json', '--token-file', folder.file('token')]
      const { code, stdout } = await command(['doctor', served.api.url, ...args])
      expect(code).to.equal(0)
      const said = JSON.parse(stdout)
      expect(said).to.include({ healthy: true, target: served.api.url })
      expect(said.findings[0]).to.include({ about: 'flow', level: 'good' })
    } finally {
      await folder.remove()
    }
  })

  it('asks for the token where one is needed', async () => {
    const child = tidemark(['doctor', served.api.url], { TIDEMARK_API_TOKEN: '' })
    try {
      expect(await child.ends()).to.equal(2)
      expect(child.stderr).to.include('TIDEMARK_API_TOKEN')
    } finally {
      child.discard()
    }
  })

  it('calls it unhealthy where nobody answers, or somebody else does', async () => {
    const gone = await answering((_, response) => response.end())
    const url = urlOf(gone)
    gone.close()
    const nobody = await command(['doctor', url])
    expect(nobody.code).to.equal(1)
    expect(nobody.stdout).to.match(/^BAD {2}flow: No flow answers at .*ECONNREFUSED/)
    for (const [type, says] of [
      ['text/event-stream', 'not what a flow of this release sends'],
      ['text/html', 'what answers there is no flow'],
    ] as const) {
      const other = await answering((_, response) => {
        response.setHeader('Content-Type', type)
        response.end('data: {"flow": 7}\n\n')
      })
      try {
        const stranger = await command(['doctor', urlOf(other)])
        expect(stranger.code).to.equal(1)
        expect(stranger.stdout).to.include(says)
      } finally {
        other.close()
      }
    }
  })

  it('calls it unhealthy where the flow has failed', async () => {
    const failed = await answering((_, response) => {
      response.statusCode = 503
      response.end('the flow has failed\n')
    })
    try {
      const { code, stdout } = await command(['doctor', urlOf(failed)])
      expect(code).to.equal(1)
      expect(stdout).to.match(/has failed; its log says why/)
    } finally {
      failed.close()
    }
  })

  it('follows nobody elsewhere with the token', async () => {
    let asked = 0
    const other = await answering((_, response) => {
      asked += 1
      response.end()
    })
    const first = await answering((_, response) => {
      response.writeHead(302, { Location: urlOf(other) })
      response.end()
    })
    try {
      const variables = { TIDEMARK_API_TOKEN: TOKEN }
      expect((await command(['doctor', urlOf(first)], variables)).code).to.equal(1)
      expect(asked).to.equal(0)
    } finally {
      other.close()
      first.close()
    }
  })

  it('advises on a module that is not running', async () => {
    const child = tidemark(['doctor', 'spec/cli/flows/orders.ts'])
    try {
      expect(await child.ends(), child.stderr).to.equal(0)
      expect(child.stdout).to.match(
        /^note recovery: The module names no recovery, and "total", "out"/m,
      )
      expect(child.stdout).to.match(/^note flow: "total" \(statefulMap\) keeps every key for good/m)
    } finally {
      child.discard()
    }
  })

  it('refuses what it can not read, and explains itself', async () => {
    const child = tidemark(['doctor', served.api.url, '--for', 'ever'])
    try {
      expect(await child.ends()).to.equal(2)
      expect(child.stderr).to.match(/--for takes seconds/)
    } finally {
      child.discard()
    }
    expect((await command(['doctor', '--help'])).stdout).to.include('tidemark doctor orders.ts')
  })
})
