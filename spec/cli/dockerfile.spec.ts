import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { parse } from 'yaml'
import { buildPackage } from '../support/built-package.ts'
import { Folder } from '../support/folder.ts'
import { DockerBuild, type Image } from './dockerfile.ts'
import { command } from './in-process.ts'

const run = promisify(execFile)

/** Below the packages that the built one needs. */
const PACKAGE = resolve('node_modules/.cache', `tidemark-image-${process.pid}`)

/** It waits for more, so that there is time to ask how it is. */
const FLOW = `import { type Dataflow, dataflow, FixedPartitionedSource, StatefulSourcePartition } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'

class Part extends StatefulSourcePartition<string, number> {
  given = 0
  override nextBatch(): string[] {
    this.given += 1
    return this.given === 1 ? ['one'] : []
  }
  override snapshot(): number {
    return this.given
  }
}
class Source extends FixedPartitionedSource<string, number> {
  override listParts(): string[] {
    return ['all']
  }
  override buildPart(): Part {
    return new Part()
  }
}
export const flow: Dataflow = dataflow('orders')
flow.input('in', new Source()).output('out', new StdOutSink())
`

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

describe('The Dockerfile of samples/deploy @long', () => {
  const folder = new Folder()
  let image: Image
  let container: ChildProcess | null = null

  before(async () => {
    await folder.make()
    buildPackage(PACKAGE)
    const {
      dependencies: _,
      devDependencies: __,
      ...manifest
    } = JSON.parse(await readFile('package.json', 'utf8'))
    // What it needs is found in a folder above it: nothing is to be fetched.
    const alone = { ...manifest, peerDependencies: {}, scripts: {} }
    await writeFile(join(PACKAGE, 'package.json'), JSON.stringify(alone))
    // As deep as /app is in a stage: npm writes down paths from here to there.
    const context = folder.file('host/orders')
    const tool = { name: 'only-for-tests', version: '1.0.0' }
    const own = join(context, 'node_modules/of-this-machine')
    for (const path of [folder.file('only-for-tests'), own]) {
      await mkdir(path, { recursive: true })
      await writeFile(join(path, 'package.json'), JSON.stringify(tool))
    }
    const project = {
      name: 'orders',
      version: '1.0.0',
      type: 'module',
      dependencies: { tidemark: `file:${PACKAGE}` },
      devDependencies: { 'only-for-tests': `file:${folder.file('only-for-tests')}` },
    }
    await writeFile(join(context, 'package.json'), JSON.stringify(project))
    await writeFile(join(context, 'flow.ts'), FLOW)
    const { NODE_OPTIONS: ___, ...env } = process.env
    const offline = { npm_config_offline: 'true', npm_config_audit: 'false' }
    await run('npm', ['install', '--package-lock-only'], {
      cwd: context,
      env: { ...env, ...offline },
    })
    for (const name of ['Dockerfile', 'Dockerfile.dockerignore']) {
      await cp(join('samples/deploy', name), join(context, name))
    }
    const build = new DockerBuild(context, { folder: folder.path, variables: offline })
    image = await build.build()
  })

  afterEach(async () => {
    if (container?.exitCode !== null || container.signalCode !== null) return
    container.kill('SIGKILL')
    await once(container, 'close')
  })

  after(async () => {
    await folder.remove()
    await rm(PACKAGE, { recursive: true, force: true })
  })

  const within = (path: string): string => join(image.root, image.workdir, path)

  it('holds the flow and the packages that it runs with, and none of this machine or for tests', () => {
    expect(existsSync(within('flow.ts'))).to.equal(true)
    expect(existsSync(within('node_modules/.bin/tidemark'))).to.equal(true)
    expect(existsSync(within('node_modules/only-for-tests'))).to.equal(false)
    expect(existsSync(within('node_modules/of-this-machine'))).to.equal(false)
    expect(existsSync(join(image.root, 'state'))).to.equal(true)
    expect(image).to.deep.include({ user: 'node', volumes: ['/state'], ports: ['3030'] })
  })

  it('runs the flow as a Compose file starts it, answers its health check, and ends well', async () => {
    const { stdout } = await command(['deploy', 'compose', 'spec/cli/flows/flows.ts'])
    const { services } = parse(stdout)
    const service = services['flow-0'] ?? services['flow']
    const port = await freePort()
    const { NODE_OPTIONS: _, ...env } = process.env
    const [program = '', ...args] = image.command
    container = spawn(program, args, {
      cwd: within('.'),
      env: {
        ...env,
        ...image.env,
        ...service.environment,
        TIDEMARK_API: `127.0.0.1:${port}`,
        TIDEMARK_API_TOKEN: 'a-secret-of-16-signs',
        TIDEMARK_RECOVERY_DIRECTORY: join(image.root, 'state'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    container.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const ended = once(container, 'close')
    let out = ''
    for await (const text of container.stdout ?? []) {
      out += String(text)
      if (out.includes('one\n')) break
    }
    expect(out, said).to.equal('one\n')
    const [, ...test] = (service.healthcheck.test as readonly string[]).map((word) =>
      word.replace(':3030', `:${port}`),
    )
    await run(test[0] ?? '', test.slice(1), { env })
    container.kill('SIGTERM')
    const [code] = await ended
    expect(code, said).to.equal(130)
    expect(existsSync(join(image.root, 'state'))).to.equal(true)
  })
})
