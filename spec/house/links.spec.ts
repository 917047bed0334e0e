import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect } from 'chai'
import { pages } from './snippets/blocks.ts'

const OTHERS = ['ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'DECISIONS.md']
const LINK = /\]\(([^()\s]+)\)/g

const all = [...pages(), ...OTHERS, 'bench/README.md', 'samples/deploy/README.md'].filter((page) =>
  existsSync(page),
)

const linksOf = (page: string): readonly string[] =>
  [...readFileSync(page, 'utf8').matchAll(LINK)]
    .map(([, to = '']) => to)
    .filter((to) => !/^[a-z]+:/.test(to))

/** What a heading is called in an address. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')

const anchorsOf = (page: string): readonly string[] =>
  [...readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchor(heading))

const isBroken = (page: string, to: string): boolean => {
  const [path = '', heading] = to.split('#')
  const target = path === '' ? page : normalize(join(dirname(page), path))
  if (!existsSync(target)) return true
  return heading !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(heading)
}

describe('a page', () => {
  it('is linked from the README', () => {
    const linked = new Set(linksOf('README.md').map((to) => normalize(to)))
    const missing = [...pages(), ...OTHERS].filter(
      (page) => page !== 'README.md' && !linked.has(page),
    )
    expect(missing).to.deep.equal([])
  })

  it('links only to what is there', () => {
    expect(all.flatMap(linksOf).length).to.be.greaterThan(50)
    const broken = all.flatMap((page) =>
      linksOf(page).flatMap((to) => (isBroken(page, to) ? [`${page} -> ${to}`] : [])),
    )
    expect(broken).to.deep.equal([])
  })
})

describe('the README', () => {
  it('has a line for each folder, and for no other', () => {
    const text = readFileSync('README.md', 'utf8')
    const told = [...text.matchAll(/^\| `(\w+)\/` \|/gm)].map(([, name = '']) => name)
    expect(told.filter((name) => !existsSync(name))).to.deep.equal([])
    const { include }: { readonly include: readonly string[] } = JSON.parse(
      readFileSync('tsconfig.json', 'utf8'),
    )
    expect([...include, 'docs'].filter((name) => !told.includes(name))).to.deep.equal([])
  })
})
