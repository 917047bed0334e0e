import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'

const PAGE = 'docs/coming-from-bytewax.md'
const text = readFileSync(PAGE, 'utf8')
const run = promisify(execFile)
const NODE = ['--import', 'tsx', '--conditions', 'source']

interface Door {
  readonly values: readonly string[]
  readonly types: readonly string[]
}

const doors: Readonly<Record<string, Door>> = JSON.parse(
  readFileSync('spec/house/exports.json', 'utf8'),
)
const exported = new Set(Object.values(doors).flatMap(({ values, types }) => [...values, ...types]))
const metrics = readFileSync('docs/metrics.md', 'utf8')

/** Methods that the page names beside exports. */
const METHODS: Readonly<Record<string, string>> = {
  input: 'lib/flow/dataflow.ts',
  output: 'lib/flow/stream.ts',
  pipe: 'lib/flow/stream.ts',
}

/** Our names: what stands in code marks in the middle column. */
const ours = (): readonly string[] =>
  [...text.matchAll(/^\| .+? \| (.+?) \| .+ \|$/gm)]
    .map(([, middle = '']) => middle)
    .filter((middle) => middle !== 'Tidemark')
    .flatMap((middle) => [...middle.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))

const isThere = (name: string, help: string): boolean => {
  if (exported.has(name)) return true
  if (name.startsWith('tidemark_')) return metrics.includes(`| \`${name}\` |`)
  if (name.startsWith('-') || name.startsWith('TIDEMARK_')) return help.includes(`  ${name}`)
  if (name.startsWith('tidemark ')) return help.includes(`\n  ${name.slice('tidemark '.length)} `)
  const home = METHODS[name]
  return home !== undefined && new RegExp(`^  ${name}[<(]`, 'm').test(readFileSync(home, 'utf8'))
}

const helpText = async (): Promise<string> => {
  const asked = [['--help'], ['run', '--help']].map((args) =>
    run(process.execPath, [...NODE, 'cli/main.ts', ...args]),
  )
  return (await Promise.all(asked)).map(({ stdout }) => stdout).join('\n')
}

describe('the page for those who come from Bytewax', () => {
  it('names only what is there', async () => {
    const help = await helpText()
    const names = ours()
    expect(names.length).to.be.greaterThan(100)
    expect(names.filter((name) => !isThere(name, help))).to.deep.equal([])
  })

  it('names each operator', () => {
    const named = new Set(ours())
    const more = ['batch', 'collectFinal', 'reduce']
    const missing = (doors['./operators']?.values ?? []).filter(
      (name) => !named.has(name) && !more.includes(name) && name !== 'WindowSpan',
    )
    expect(missing).to.deep.equal([])
  })

  it('links only to what is there', () => {
    for (const [, to = ''] of text.matchAll(/\]\((\.\.\/[^)#]+)\)/g)) {
      expect(readdirSync(join('docs', to, '..')).map((name) => name)).to.include(
        to.split('/').at(-1),
      )
    }
  })
})
