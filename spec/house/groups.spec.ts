import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { Folder } from '../support/folder.ts'

interface Group {
  readonly name: string
  readonly files: readonly string[]
}

interface Summary {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What a function of the script gives, which is no module of TypeScript. */
const given = (call: string): unknown =>
  JSON.parse(
    execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { added, divided } from './.ci/specs.mjs'; console.log(JSON.stringify(${call}))`,
      ],
      { encoding: 'utf8' },
    ),
  )

const specs = readdirSync('spec', { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.spec.ts'),
)

describe('The groups of specs', () => {
  it('have every spec once', () => {
    const groups = given(`divided(${JSON.stringify(specs)})`) as readonly Group[]
    expect(groups.flatMap(({ files }) => files).sort()).to.deep.equal([...specs].sort())
    expect(groups.length).to.be.greaterThan(4)
  })

  it('take a file by the longest of the beginnings of its path', () => {
    const files = ['connectors/kafka/cluster.spec.ts', 'connectors/kafka/x.ts', 'connectors/x.ts']
    const groups = given(`divided(${JSON.stringify([...files, 'new/x.ts'])})`) as readonly Group[]
    const apart = groups.map((group) => group.files)
    expect(apart).to.have.deep.members([...files, 'new/x.ts'].map((file) => [file]))
  })

  it('are added up, and one that ends without its summary has failed', () => {
    const two = { passed: 2, failed: 1, skipped: 0 }
    const sum = given(`added(${JSON.stringify([two, null, two])})`) as Summary
    expect(sum).to.deep.equal({ passed: 4, failed: 3, skipped: 0 })
  })
})

describe('A run of the groups', () => {
  const folder = new Folder()
  before(() => folder.make())
  after(() => folder.remove())

  /** A run over groups that are these files, by a mocha that says and does what each of them holds. */
  const ran = (files: Readonly<Record<string, string>>, jobs: number) => {
    const root = folder.file(`root-${jobs}-${Object.keys(files).length}`)
    for (const at of ['.ci', 'node_modules/mocha/bin'])
      mkdirSync(`${root}/${at}`, { recursive: true })
    execFileSync('cp', ['.ci/specs.mjs', `${root}/.ci/`])
    writeFileSync(`${root}/node_modules/mocha/package.json`, '{ "name": "mocha" }')
    writeFileSync(
      `${root}/node_modules/mocha/bin/mocha.js`,
      "import('node:fs').then((fs) => eval(fs.readFileSync(process.argv.at(-1), 'utf8')))",
    )
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(`${root}/spec/${name}`, { recursive: true })
      writeFileSync(`${root}/spec/${name}/x.spec.ts`, text)
    }
    const { stdout, status } = spawnSync(process.execPath, ['.ci/specs.mjs'], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, TIDEMARK_JOBS: String(jobs) },
    })
    return { lines: stdout.trim().split('\n'), status }
  }

  const says = (word: string, summary = '2 passed, 0 failed, 1 skipped'): string =>
    `console.log('${word} begins'); setTimeout(() => console.log('${word}\\n${summary}'), 50)`

  for (const jobs of [1, 3]) {
    it(`ends with one line for all, and lets each group finish what it says (${jobs} at a time)`, () => {
      const { lines, status } = ran(
        { cluster: says('one'), cli: says('two'), laws: says('three') },
        jobs,
      )
      expect(status).to.equal(0)
      expect(lines.filter((line) => /^\d+ passed/.test(line))).to.deep.equal([lines.at(-1)])
      expect(lines.at(-1)).to.equal('6 passed, 0 failed, 3 skipped')
      const words = lines.filter((line) => /^(one|two|three)/.test(line))
      const whole = ['one', 'two', 'three'].flatMap((word) => [`${word} begins`, word])
      expect(words).to.deep.equal(whole)
    })
  }

  it('fails when one has a failure, and when one dies', () => {
    const { lines, status } = ran(
      {
        cluster: says('one', '1 passed, 1 failed, 0 skipped'),
        laws: "process.kill(process.pid, 'SIGKILL')",
      },
      2,
    )
    expect(status).to.equal(1)
    expect(lines.at(-1)).to.equal('1 passed, 2 failed, 0 skipped')
    expect(lines.join('\n')).to.include('The specs of laws/ ended early: SIGKILL')
  })
})
