import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'

const HOUSE = ['lib', 'operators', 'connectors', 'cluster', 'cli', 'testing', 'ops']
const CLASS =
  /^(?:export )?(?:abstract )?class (\w+) extends ((?<=class TidemarkError extends )Error|(?!Error\b)\w*Error|AbortExecution)\b.*\{([\s\S]*?)^\}/gm
const CODE = /^ {2}(?:override )?readonly code(?:: string)? = '(\w+)'/m
const SECTION = /^## (\w+) \(`(\w+)`\)\n([\s\S]*?)(?=^## |(?![\s\S]))/gm

interface Failure {
  readonly name: string
  readonly code: string | undefined
  readonly file: string
}

const sourcesOf = (room: string): readonly string[] =>
  existsSync(room)
    ? readdirSync(room, { encoding: 'utf8', recursive: true })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => `${room}/${file}`)
    : []

/** Read from the sources, since each class is built from facts of its own. */
const failures: readonly Failure[] = HOUSE.flatMap(sourcesOf).flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(CLASS)].map(([, name = '', , body = '']) => ({
    name,
    code: CODE.exec(body)?.[1],
    file,
  })),
)

const sections = [...readFileSync('docs/errors.md', 'utf8').matchAll(SECTION)].map(
  ([, name = '', code = '', text = '']) => ({ name, code, text }),
)

const title = ({ name, code }: Pick<Failure, 'name' | 'code'>): string => `${name} ${code}`

describe('the register of errors', () => {
  it('holds the root and the errors under it', () => {
    expect(failures.map(({ name }) => name)).to.include.members(['TidemarkError', 'BuildError'])
  })

  it('gives each class a code of its own', () => {
    const codes = failures.map(({ code }) => code)
    expect(codes).to.not.include(undefined)
    expect(new Set(codes).size).to.equal(codes.length)
  })

  it('has a section in docs/errors.md for each class, and no other section', () => {
    expect(sections.map(title).sort()).to.deep.equal(failures.map(title).sort())
  })

  it('says in each section what happened and what to do', () => {
    for (const { name, text } of sections) {
      expect(text, name).to.match(/^\*\*What happened\.\*\* \S/m)
      expect(text, name).to.match(/^\*\*What to do\.\*\* \S/m)
    }
  })

  it('gives at the first door every class that the engine throws', () => {
    const door = readFileSync('lib/index.ts', 'utf8')
    const missing = failures
      .filter(({ file }) => file.startsWith('lib/errors/'))
      .filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(door))
    expect(missing.map(({ name }) => name)).to.deep.equal([])
  })
})
