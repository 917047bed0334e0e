import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { main } from '../../cli/commands.ts'
import type { World } from '../../cli/exit.ts'
import { Terminal } from '../../cli/terminal.ts'
import { type Block, blocksOf, examples, pages } from './snippets/blocks.ts'
import { isProgram, moduleOf } from './snippets/module-of.ts'
import { printedBy, promisedBy } from './snippets/programs.ts'

const TSC = join('node_modules', 'typescript', 'bin', 'tsc')

const manifest: { readonly scripts: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync('package.json', 'utf8'),
)
const shown = pages().flatMap((page) => blocksOf(page, 'ts'))
const documented = examples()

const nameOf = ({ place }: Block): string =>
  `${place.replaceAll('/', '__').replace(/:(\d+)$/, '.$1')}.ts`

/**
 * What the compiler has against modules, one line each, told by the place that shows them. What it has
 * against their surroundings is for `npm run types` to say.
 */
const complaints = async (folder: string, blocks: readonly Block[]): Promise<readonly string[]> => {
  for (const block of blocks) writeFileSync(join(folder, nameOf(block)), moduleOf(block))
  const options = { compilerOptions: { erasableSyntaxOnly: false, declaration: false } }
  const project = { extends: '../../tsconfig.json', ...options, include: ['./*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
  const places = new Map(blocks.map((block) => [nameOf(block), block.place]))
  try {
    await promisify(execFile)(process.execPath, [TSC, '-p', folder])
    return []
  } catch (error) {
    const { stdout } = error as { readonly stdout: string }
    const lines = stdout.match(/^\S.*: error .*$/gm) ?? [String(error)]
    return lines.map((line) => told(line, places)).filter((line) => line !== null)
  }
}

const told = (line: string, places: ReadonlyMap<string, string>): string | null => {
  const [, folder = '', name = '', rest = ''] =
    line.match(/^(.*\/)?([^/]+?)\(\d+,\d+\): (.*)$/) ?? []
  if (rest === '') return line
  return folder.includes('.snippets-') ? `${places.get(name) ?? name}: ${rest}` : null
}

/** The command lines of shell blocks, their comments taken off. */
const commandLines = (): readonly (readonly [line: string, place: string])[] =>
  pages()
    .flatMap((page) => blocksOf(page, 'sh'))
    .flatMap(({ text, place }) =>
      text
        .split(/\n| && /)
        .map((line) => [line.replace(/\s+#.*$/, '').trim(), place] as const)
        .filter(([line]) => line !== ''),
    )

const helps = new Map<string, string>()

const helpOf = async (command: readonly string[]): Promise<string> => {
  const name = command.join(' ')
  const known = helps.get(name)
  if (known !== undefined) return known
  const texts: string[] = []
  const world: World = {
    terminal: new Terminal(process.stderr),
    print: (text) => texts.push(text),
    directory: process.cwd(),
    variables: {},
    leave: () => {
      throw new Error(`${name} --help wanted to leave the process`)
    },
  }
  expect(await main([...command, '--help'], world), name).to.equal(0)
  helps.set(name, texts.join('\n'))
  return texts.join('\n')
}

/** Reads a command line as far as commands go: `recovery inspect ./state --json` is `recovery inspect`. */
const commandOf = async (words: readonly string[]): Promise<readonly string[]> => {
  const command: string[] = []
  for (const word of words) {
    const [, list = ''] = (await helpOf(command)).match(/\nCommands:\n([\s\S]*?)(?:\n\n|$)/) ?? []
    if (!new RegExp(`^ +${word}\\b`, 'm').test(list)) break
    command.push(word)
  }
  return command
}

const wrongIn = async (line: string): Promise<readonly string[]> => {
  const [words = ''] = line.replace(/^npx /, '').split(' > ')
  const [, ...args] = words.split(/\s+/)
  const command = await commandOf(args)
  if (command.length === 0) return [`${line}: no such command`]
  const help = await helpOf(command)
  return args
    .filter((word) => word.startsWith('-'))
    .filter((flag) => !new RegExp(`^ +(?:-\\w, )?${flag}\\b`, 'm').test(help))
    .map((flag) => `${line}: no such flag as ${flag}`)
}

describe('what pages and docstrings show @long', () => {
  let folder = ''

  before(() => {
    folder = mkdtempSync(join('spec', '.snippets-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('is much', () => {
    expect(shown.length).to.be.greaterThan(20)
    expect(documented.length).to.be.greaterThan(100)
  })

  it('is fenced as TypeScript in each docstring', () => {
    expect(documented.filter(({ text }) => text === '').map(({ place }) => place)).to.deep.equal([])
  })

  it('compiles', async () => {
    expect(await complaints(folder, [...shown, ...documented])).to.deep.equal([])
  })

  for (const block of shown.filter((each) => isProgram(each) && promisedBy(each.text) !== '')) {
    it(`prints what it says: ${block.place}`, async () => {
      const file = join(folder, nameOf(block))
      writeFileSync(file, block.text)
      expect(await printedBy(file)).to.equal(promisedBy(block.text))
    })
  }
})

describe('a command line that a page shows', () => {
  it('has a command and flags that are there', async () => {
    const ours = commandLines().filter(([line]) => /^(?:npx )?tidemark /.test(line))
    expect(ours.length).to.be.greaterThan(15)
    const wrong: string[] = []
    for (const [line, place] of ours) {
      wrong.push(...(await wrongIn(line)).map((text) => `${place}: ${text}`))
    }
    expect(wrong).to.deep.equal([])
  })

  it('names a script of the package, if it is a script', () => {
    const scripts = commandLines().flatMap(([line]) => {
      const [, name = ''] = line.match(/^npm (?:run )?(\S+)/) ?? []
      return name === '' || name === 'ci' || name === 'install' ? [] : [name]
    })
    expect(scripts).to.include.members(['start', 'test', 'bench'])
    expect(scripts.filter((name) => !Object.hasOwn(manifest.scripts, name))).to.deep.equal([])
  })

  it('is one of those that this spec can read', () => {
    const read = /^(?:(?:npx )?tidemark |npm (?:ci|start|test|install|run \S+)|cd )/
    expect(commandLines().filter(([line]) => !read.test(line))).to.deep.equal([])
  })
})
