import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect } from 'chai'

/** What the script before the specs would do on such a machine. */
const planFor = (machine: object): { readonly line: string; readonly run: readonly string[][] } =>
  JSON.parse(
    execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { plan } from './.ci/nats-server.mjs'; console.log(JSON.stringify(plan(${JSON.stringify(machine)})))`,
      ],
      { encoding: 'utf8' },
    ),
  )

describe('npm test', () => {
  const debian = { platform: 'linux', root: true, debian: true, apt: true, brew: false }

  it('installs nats-server first, where root on Debian or Ubuntu has none', () => {
    const { run } = planFor(debian)
    expect(run.map((command) => [command[0], command.at(-1)])).to.deep.equal([
      ['apt-get', 'nats-server'],
      ['apt-get', 'update'],
      ['apt-get', 'nats-server'],
    ])
  })

  it('installs nothing without being root, or without a package manager, but names the line', () => {
    expect(planFor({ ...debian, root: false })).to.deep.equal({
      line: 'apt-get install nats-server',
      run: [],
    })
    expect(planFor({ ...debian, platform: 'darwin' })).to.deep.equal({
      line: 'brew install nats-server',
      run: [],
    })
    expect(planFor({ ...debian, debian: false }).line).to.include('nats-server/releases')
  })

  it('is preceded by that script, which says nothing where a server is found', () => {
    const told = (variables: Record<string, string>): string =>
      execFileSync(process.execPath, ['.ci/nats-server.mjs'], {
        encoding: 'utf8',
        env: { PATH: '/nowhere', ...variables },
      })
    expect(told({ TIDEMARK_NATS_SERVER: process.execPath })).to.equal('')
    const scripts = JSON.parse(readFileSync('package.json', 'utf8')).scripts
    expect(scripts.pretest).to.equal('node .ci/nats-server.mjs')
  })
})
