import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'chai'

const PAGE = 'docs/behaviors.md'
const LAST = 195

const ROW = /^\| (\d+)(?:–(\d+))? \| (.+) \| (.+) \|$/gm
/** A path in code marks, then titles in quotes; a title may hold both, but no quote before `;` or the end. */
const HELD = /`(spec\/[^`]+)` "(.+?)"(?=;| \(|$)/g

const TRAP = /^\| D\d+ \| .+ \| (.+) \|$/gm

interface Row {
  readonly from: number
  readonly to: number
  readonly held: string
}

const rows = (): readonly Row[] =>
  [...readFileSync(PAGE, 'utf8').matchAll(ROW)].map(([, from, to, , held = '']) => ({
    from: Number(from),
    to: Number(to ?? from),
    held,
  }))

/** Whether a spec file has the title, or, where a loop makes titles, one that begins so in its source. */
const hasTitle = (path: string, title: string): boolean => {
  const text = readFileSync(path, 'utf8')
  if (title.includes('${')) return text.includes(`\`${title}`)
  return text.includes(`'${title.replaceAll("'", "\\'")}'`) || text.includes(`"${title}"`)
}

describe('the page of behaviors', () => {
  it('has every number once, in order', () => {
    const numbers = rows().flatMap(({ from, to }) =>
      Array.from({ length: to - from + 1 }, (_, at) => from + at),
    )
    expect(numbers).to.deep.equal(Array.from({ length: LAST }, (_, at) => at + 1))
  })

  it('names specs that are there, or says why there is none', () => {
    const wrong = rows().filter(({ held }) => {
      const specs = [...held.matchAll(HELD)]
      if (specs.length === 0) return !held.startsWith('Does not apply')
      return specs.some(([, path = '', title = '']) => !existsSync(path) || !hasTitle(path, title))
    })
    expect(wrong).to.deep.equal([])
  })

  it('names a spec that is there for each trap', () => {
    const traps = [...readFileSync(PAGE, 'utf8').matchAll(TRAP)].map(([, held = '']) => held)
    const specs = traps.map((held) => [...held.matchAll(HELD)])
    expect(specs.filter((named) => named.length === 0)).to.deep.equal([])
    const missing = specs.flat().filter(([, path = '', title = '']) => !hasTitle(path, title))
    expect(missing.map(([whole]) => whole)).to.deep.equal([])
  })
})
