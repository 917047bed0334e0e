import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { newCommand } from '../../cli/new-command.ts'
import { Terminal } from '../../cli/terminal.ts'
import { UsageError } from '../../cli/usage-error.ts'
import { buildPackage } from '../support/built-package.ts'
import { Folder } from '../support/folder.ts'
import { Child } from './children.ts'

const run = promisify(execFile)

/** Below the packages that the built one needs. */
const PACKAGE = resolve('node_modules/.cache', `tidemark-new-${process.pid}`)

/** What npm install does, from what is installed here. */
const install = async (project: string): Promise<void> => {
  const modules = join(project, 'node_modules')
  await mkdir(join(modules, '.bin'), { recursive: true })
  await symlink(PACKAGE, join(modules, 'tidemark'))
  await symlink(resolve('node_modules/tsx'), join(modules, 'tsx'))
  const command = join(modules, '.bin/tidemark')
  await writeFile(command, '#!/bin/sh\nexec node node_modules/tidemark/dist/cli/main.js "$@"\n', {
    mode: 0o755,
  })
}

describe('tidemark new @long', () => {
  const folder = new Folder()
  const children: Child[] = []

  const made = async (name: string): Promise<Child> => {
    const child = new Child([resolve('cli/main.ts'), 'new', name], {}, folder.path)
    children.push(child)
    await child.ends()
    return child
  }

  before(() => folder.make())

  after(async () => {
    for (const child of children) child.discard()
    await folder.remove()
    await rm(PACKAGE, { recursive: true, force: true })
  })

  it('makes a project that tests and starts at once', async () => {
    const child = await made('orders.eu')
    expect(await child.ends(), child.stderr).to.equal(0)
    expect(child.stdout).to.include('cd orders.eu && npm install && npm test && npm start')
    const project = folder.file('orders.eu')
    buildPackage(PACKAGE)
    await install(project)
    const { NODE_OPTIONS: _, ...env } = process.env
    const npm = async (script: string): Promise<{ stdout: string }> => {
      try {
        return await run('npm', ['run', '--silent', script], { cwd: project, env })
      } catch (error) {
        const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string }
        throw new Error(`npm run ${script} failed:\n${stdout}\n${stderr}`, { cause: error })
      }
    }
    const tested = await npm('test')
    expect(tested.stdout)
      .to.match(/^# pass 2$|pass 2$/m)
      .and.match(/fail 0$/m)
    const started = await npm('start')
    expect(started.stdout.trim().split('\n')).to.deep.equal([
      'ada has spent 12',
      'grace has spent 30',
      'ada has spent 20',
      'grace has spent 35',
      'linus has spent 21',
    ])
    const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'))
    const own = JSON.parse(await readFile('package.json', 'utf8'))
    expect(manifest.dependencies.tidemark).to.equal(`^${own.version}`)
    expect(manifest.devDependencies.typescript).to.equal(own.devDependencies.typescript)
    expect(await readFile(join(project, '.gitignore'), 'utf8')).to.include('node_modules/')
    const image = (text: string): string => text.slice(text.indexOf('FROM '))
    const [ours, its] = await Promise.all(
      ['samples/deploy/Dockerfile', join(project, 'Dockerfile')].map((path) =>
        readFile(path, 'utf8'),
      ),
    )
    expect(image(its ?? '')).to.equal(image(ours ?? ''))
    expect(await readFile(join(project, '.dockerignore'), 'utf8')).to.equal(
      await readFile('samples/deploy/Dockerfile.dockerignore', 'utf8'),
    )
  })

  const refusal = async (name: string): Promise<string> => {
    const world = {
      terminal: new Terminal({ write: () => true }),
      print: () => {},
      directory: folder.path,
      variables: {},
      leave: (code: number) => {
        throw new Error(`left with ${code}`)
      },
    }
    const error = await newCommand(name, world).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(UsageError)
    return (error as UsageError).message
  }

  it('writes over nothing', async () => {
    await mkdir(folder.file('taken'))
    await writeFile(folder.file('taken/flow.ts'), 'mine')
    await writeFile(folder.file('file'), '')
    expect(await refusal('taken')).to.match(/"taken" is not empty \(flow\.ts\)/)
    expect(await refusal('file')).to.match(/"file" is a file here/)
    expect(await folder.text('taken/flow.ts')).to.equal('mine')
  })

  for (const name of ['../out', 'Upper', '.hidden', 'a b', 'node_modules', '', '-x', 'x/y']) {
    it(`refuses the name "${name}"`, async () => {
      expect(await refusal(name)).to.match(/can't name a project/)
    })
  }
})
