import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'

/**
 * Every public name of every door stands in `exports.json`, so that a wider or narrower surface is
 * a visible line in a diff. `UPDATE_EXPORTS=1 npx mocha spec/house/exports.spec.ts` writes the list.
 */
const LIST = 'spec/house/exports.json'

interface Door {
  readonly source: string
  readonly types: string
  readonly default: string
}

interface Names {
  readonly values: readonly string[]
  readonly types: readonly string[]
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly name: string
  readonly exports: Readonly<Record<string, Door | string>>
}

const doors = Object.entries(manifest.exports).flatMap(([path, door]) =>
  typeof door === 'string' ? [] : [{ path, door }],
)

const built = doors.filter(({ door }) => existsSync(door.source))

const EXPORT_LIST = /export\s+(type\s+)?\{([^}]*)\}/g
const EXPORT_HERE = /^export\s+(?:abstract\s+)?(const|function|class|interface|type)\s+(\w+)/gm

interface Name {
  readonly name: string
  readonly isType: boolean
}

const inList = ([, typeOnly, list = '']: RegExpExecArray): readonly Name[] =>
  list
    .replace(/\/\/.*$/gm, '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry) => ({
      name: entry.replace(/^type\s+/, '').replace(/^.*\sas\s+/, ''),
      isType: typeOnly !== undefined || entry.startsWith('type '),
    }))

const declared = ([, kind, name = '']: RegExpExecArray): Name => ({
  name,
  isType: kind === 'type' || kind === 'interface',
})

/** The names a door exports, read from its source: a door is a written list, never `export *`. */
const namesOf = (source: string): Names => {
  const names = [
    ...[...source.matchAll(EXPORT_LIST)].flatMap(inList),
    ...[...source.matchAll(EXPORT_HERE)].map(declared),
  ]
  const pick = (isType: boolean): readonly string[] =>
    names
      .filter((found) => found.isType === isType)
      .map(({ name }) => name)
      .sort()
  return { values: pick(false), types: pick(true) }
}

const current = Object.fromEntries(
  built.map(({ path, door }) => [path, namesOf(readFileSync(door.source, 'utf8'))]),
)

if (process.env['UPDATE_EXPORTS'] === '1') {
  writeFileSync(LIST, `${JSON.stringify(current, null, 2)}\n`)
}

const listed = JSON.parse(readFileSync(LIST, 'utf8')) as Readonly<Record<string, Names>>

describe('the public surface', () => {
  it('is closed: every door is named in full', () => {
    expect(Object.keys(manifest.exports).filter((path) => path.includes('*'))).to.deep.equal([])
  })

  it('opens source, types and code of one and the same file at each door', () => {
    for (const { door } of doors) {
      const file = door.source.replace(/^\.\/(.*)\.ts$/, '$1')
      expect(door.types).to.equal(`./dist/${file}.d.ts`)
      expect(door.default).to.equal(`./dist/${file}.js`)
    }
  })

  it('lists no door that is not there', () => {
    const paths = new Set(doors.map(({ path }) => path))
    expect(Object.keys(listed).filter((path) => !paths.has(path))).to.deep.equal([])
  })

  for (const { path } of built) {
    const door = path.replace(/^\./, manifest.name)

    it(`has exactly the listed names at ${door}`, () => {
      expect(current[path]).to.deep.equal(listed[path])
    })

    it(`gives at run time every value that ${door} names`, async () => {
      const module = (await import(door)) as Readonly<Record<string, unknown>>
      expect(Object.keys(module).sort()).to.deep.equal(current[path]?.values)
    })
  }
})
