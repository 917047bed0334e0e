import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Child, tidemark } from './children.ts'

const FLOWS = 'spec/cli/flows/flows.ts'

interface Answer {
  readonly code: number
  readonly said: string
  readonly printed: string
}

interface Mistake {
  readonly name: string
  readonly args: readonly string[]
  readonly code: number
  readonly says: RegExp
}

describe('tidemark', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-cli-'))
  const at = (name: string): string => join(directory, name)
  const children: Child[] = []
  const run = (args: readonly string[], variables?: Readonly<Record<string, string>>): Child => {
    const child = tidemark(args, variables)
    children.push(child)
    return child
  }

  after(() => {
    for (const child of children) child.discard()
    rmSync(directory, { recursive: true, force: true })
  })

  describe('run', () => {
    it('runs what a factory makes of literals, and says nothing beside where no terminal is', async () => {
      const child = run(['run', `${FLOWS}:repeat('so, "it": is', 2)`])
      expect(await child.ends()).to.equal(0)
      expect(child.stdout).to.equal('so, "it": is\nso, "it": is\n')
      expect(child.stderr).to.equal('')
    })

    it('takes a path without its ending, the export "flow", and its flags from variables', async () => {
      const variables = { TIDEMARK_WORKERS_PER_PROCESS: '2', TIDEMARK_API: '' }
      const child = run(['run', FLOWS.replace('.ts', '')], variables)
      expect(await child.ends()).to.equal(0)
      expect(child.stdout).to.equal('1\n2\n3\n')
    })

    it('runs a module once that runs its flow itself', async () => {
      const child = run(['run', 'spec/cli/flows/runs-itself.ts'])
      expect(await child.ends()).to.equal(0)
      expect(child.stdout).to.equal('once\n')
    })
  })

  describe('run, interrupted', () => {
    const numbers = (path: string): number[] =>
      readFileSync(path, 'utf8').trimEnd().split('\n').map(Number)
    const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)

    const rounds = [
      { workers: '1', signals: ['SIGINT', 'SIGTERM'] },
      { workers: '2', signals: ['SIGINT'] },
    ] as const
    for (const { workers, signals } of rounds) {
      it(`closes the epoch and exits with 130; what is written is whole, and a run behind it goes on (${signals.join(', ')}, -w ${workers})`, async () => {
        const file = at(`numbers-${workers}.txt`)
        const flow = `${FLOWS}:endless('${file}')`
        const args = ['run', flow, '-r', at(`state-${workers}`), '-s', '0', '-w', workers]
        let before = 0
        for (const signal of signals) {
          const child = run(args)
          await child.says('going\n')
          child.signal(signal)
          expect(await child.ends()).to.equal(130)
          expect(child.stderr).to.contain('stopping: the epoch is being closed')
          const written = numbers(file)
          expect(written.length).to.be.greaterThan(before)
          expect(written).to.deep.equal(upTo(written.length))
          before = written.length
        }
      })
    }

    it('leaves at once the second time', async () => {
      const child = run(['run', `${FLOWS}:stuck`])
      await child.says('stuck\n')
      child.signal('SIGINT')
      await child.says('Interrupt again')
      child.signal('SIGINT')
      expect(await child.ends()).to.equal(130)
    })
  })

  describe('asked wrongly', () => {
    const mistakes: readonly Mistake[] = [
      {
        name: 'an unknown flag',
        args: ['run', FLOWS, '--recovery-directry', 'x'],
        code: 2,
        says: /unknown option '--recovery-directry' \(did you mean --recovery-directory\?\)/,
      },
      { name: 'an unknown command', args: ['fly'], code: 2, says: /unknown command/ },
      { name: 'no module', args: ['run'], code: 2, says: /missing required argument 'module'/ },
      { name: 'too much', args: ['run', 'a', 'b'], code: 2, says: /too many arguments/ },
      {
        name: 'one of several processes without the others',
        args: ['run', FLOWS, '-i', '2'],
        code: 2,
        says: /--process-id goes with --process-count/,
      },
      {
        name: 'a module that is not there',
        args: ['run', 'spec/cli/nowhere.ts'],
        code: 2,
        says: /There is no module "spec\/cli\/nowhere.ts"/,
      },
      {
        name: 'a package that is not there',
        args: ['run', 'no-such-package/flows'],
        code: 2,
        says: /no such package/,
      },
      {
        name: 'a directory',
        args: ['run', 'spec/cli'],
        code: 2,
        says: /"spec\/cli" is a directory/,
      },
      {
        name: 'an export that is not there',
        args: ['run', `${FLOWS}:orders`],
        code: 2,
        says: /no export "orders"\. It exports these flows: .*flow.*noOutput/,
      },
      {
        name: 'what is no flow',
        args: ['run', `${FLOWS}:answer`],
        code: 2,
        says: /Export "answer" .* is no flow but a number/,
      },
      {
        name: 'a factory that is not called',
        args: ['run', `${FLOWS}:repeat`],
        code: 2,
        says: /a function\. If it makes one, call it/,
      },
      {
        name: 'a flow that is called',
        args: ['run', `${FLOWS}:flow()`],
        code: 2,
        says: /can't be called/,
      },
      {
        name: 'a factory with too few arguments',
        args: ['run', `${FLOWS}:repeat('a')`],
        code: 2,
        says: /takes 2 arguments, and got 1/,
      },
      {
        name: 'a factory with more than literals',
        args: ['run', `${FLOWS}:repeat(process.exit(7), 2)`],
        code: 2,
        says: /argument 1 can't be read/,
      },
      {
        name: 'a factory that throws',
        args: ['run', `${FLOWS}:throwing()`],
        code: 2,
        says: /threw: RangeError: no flow today \(at .*flows\.ts:\d+:\d+\)/,
      },
      {
        name: 'a flow with two steps of one id',
        args: ['run', `${FLOWS}:twins()`],
        code: 2,
        says: /Step "same" already exists .*flows\.ts:\d+/,
      },
      {
        name: 'a flow without an output',
        args: ['run', `${FLOWS}:noOutput`],
        code: 2,
        says: /"no-output" needs at least one output/,
      },
      {
        name: 'a module that throws',
        args: ['run', at('throws.mjs')],
        code: 2,
        says: /could not be loaded: broken \(at .*throws\.mjs:2:7\)/,
      },
      {
        name: 'a module that is no JavaScript',
        args: ['run', at('wrong.mjs')],
        code: 2,
        says: /SyntaxError: .*\(at .*wrong\.mjs:2\)/,
      },
      {
        name: 'a module that is no TypeScript',
        args: ['run', at('wrong.ts')],
        code: 2,
        says: /could not be loaded: .*wrong\.ts:2:\d+/,
      },
      {
        name: 'another export than the one that the module runs itself',
        args: ['run', 'spec/cli/flows/runs-itself.ts:late'],
        code: 2,
        says: /runs flow "once" itself/,
      },
      {
        name: 'a store of no partitions',
        args: ['recovery', 'init', at('new'), 'none'],
        code: 2,
        says: /whole number/,
      },
      {
        name: 'a store that is not there',
        args: ['recovery', 'inspect', at('nowhere')],
        code: 1,
        says: /does not exist/,
      },
      {
        name: 'an input file that is not there',
        args: ['run', `${FLOWS}:reads('${at('nowhere.txt')}')`],
        code: 1,
        says: /input file `.*nowhere\.txt` does not exist/,
      },
      {
        name: 'an output file that can not be written',
        args: ['run', `${FLOWS}:writes('${at('nowhere/out.txt')}')`],
        code: 1,
        says: /out\.txt" can't be written/,
      },
      {
        name: 'a step that throws',
        args: ['run', `${FLOWS}:fails`],
        code: 1,
        says: /Step "fails\.check" failed in mapper .* on 2: TypeError: no twos \(at .*flows\.ts:\d+:\d+\)/,
      },
    ]
    const helps = [['--help'], ['run', '--help'], ['recovery', 'init', '--help'], ['--version']]
    const store = [
      ['recovery', 'init', at('store'), '3'],
      ['recovery', 'inspect', at('store'), '--json'],
      ['recovery', 'remove', at('store'), 'old-name'],
    ]
    const stacks = ['run', `${FLOWS}:throwing()`, '--log-level', 'debug']
    let answers: readonly Answer[] = []
    const answer = (index: number): Answer => answers[index] as Answer

    before(async () => {
      writeFileSync(at('throws.mjs'), 'export const a = 1\nthrow new Error("broken")\n')
      writeFileSync(at('wrong.mjs'), 'export const a = 1\nexport const b = = 2\n')
      writeFileSync(at('wrong.ts'), 'export const a = 1\nexport const b = = 2\n')
      const commands = [...mistakes.map(({ args }) => args), ...helps, ...store, stacks]
      const child = new Child(['spec/cli/flows/many-commands.ts', JSON.stringify(commands)])
      children.push(child)
      expect(await child.ends(), child.stderr).to.equal(0)
      answers = JSON.parse(child.stdout.slice(child.stdout.lastIndexOf('\n')))
    })

    for (const [index, { name, code, says }] of mistakes.entries()) {
      it(`answers ${name} in words, with ${code}`, () => {
        const { code: given, said } = answer(index)
        expect(said).to.match(says)
        expect(said).to.match(/^tidemark: \S/)
        expect(said).to.not.match(/^ +at /m)
        expect(given).to.equal(code)
      })
    }

    it('helps: a line and an example for each flag, and exits with 0', () => {
      const [all, runs, inits, version] = helps.map((_, index) => answer(mistakes.length + index))
      expect(all?.printed).to.contain('tidemark run flow.ts')
      expect(runs?.printed).to.match(/^ {2}-r, --recovery-directory <dir> +\S.*: -r \.\/state$/m)
      expect(runs?.printed).to.match(/^ {2}-p, --processes <n> +\S.*: -p 3$/m)
      expect(inits?.printed).to.contain('<partitions>')
      expect(version?.printed).to.match(/^\d+\.\d+\.\d+\n$/)
      for (const given of [all, runs, inits, version]) expect(given?.code).to.equal(0)
    })

    it('makes a recovery store and tells what it holds', () => {
      const [made, looked, removed] = store.map((_, index) =>
        answer(mistakes.length + helps.length + index),
      )
      expect([made?.code, looked?.code]).to.deep.equal([0, 0])
      expect(removed?.code).to.equal(1)
      expect(removed?.printed).to.contain('keeps nothing of a step "old-name"')
      expect(JSON.parse(looked?.printed ?? '')).to.deep.include({ flowId: null, damage: [] })
      expect(JSON.parse(looked?.printed ?? '').partitions).to.have.length(3)
    })

    it("shows the user's own stack where it is asked for", () => {
      const { said } = answer(mistakes.length + helps.length + store.length)
      expect(said).to.match(/^ +at throwing \(.*flows\.ts:\d+:\d+\)$/m)
    })
  })
})
