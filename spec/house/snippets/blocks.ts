import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A piece of code that a page or a docstring shows. */
export interface Block {
  /** Where it starts: `docs/time.md:25`. */
  readonly place: string
  readonly file: string
  readonly text: string
  /** What the comment before it declares: `<!-- given: declare const n: number -->`; there is none: whole. */
  readonly given: string | null
}

const SOURCES = ['operators', 'lib', 'connectors', 'ops', 'testing', 'cluster']
const FENCED = /(?:^<!-- given(?::([\s\S]*?))?\s-->\n)?^```(\w+)\n([\s\S]*?)^```$/gm
const DOCSTRING = /\/\*\*(?:(?!\*\/)[\s\S])*?@example[\s\S]*?\*\//g

const listed = (...paths: readonly string[]): readonly string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...paths])
    .toString()
    .trim()
    .split('\n')

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length

/** Every page for users, the README first. */
export const pages = (): readonly string[] => [
  'README.md',
  ...listed('docs').filter((name) => name.endsWith('.md')),
]

/** The blocks of a page that are written in a language. */
export const blocksOf = (page: string, language: string): readonly Block[] => {
  const text = readFileSync(page, 'utf8')
  return [...text.matchAll(FENCED)].flatMap((match) => {
    const [all, declared, written, code = ''] = match
    if (written !== language) return []
    const given = all.startsWith('<!-- given') ? (declared ?? '') : null
    return [{ place: `${page}:${lineAt(text, match.index)}`, file: page, text: code, given }]
  })
}

/** The examples of all docstrings; one that isn't fenced as TypeScript is an empty text. */
export const examples = (): readonly Block[] =>
  listed(...SOURCES)
    .filter((name) => name.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(file, 'utf8')
      return [...text.matchAll(DOCSTRING)].map(({ 0: docstring, index }) => {
        const plain = docstring.replace(/^ *\* ?/gm, '')
        const [, code = ''] = plain.match(/@example\s+```ts\n([\s\S]*?)^```$/m) ?? []
        const line = lineAt(text, index + docstring.indexOf('@example'))
        return { place: `${file}:${line}`, file, text: code, given: null }
      })
    })
