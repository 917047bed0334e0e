import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Block } from './blocks.ts'
import { GIVEN } from './given.ts'

interface Door {
  readonly values: readonly string[]
  readonly types: readonly string[]
}

const STAGE_FROM_MODULES = '../house/snippets/stage.ts'
const doors: readonly (readonly [string, Door])[] = Object.entries(
  JSON.parse(readFileSync('spec/house/exports.json', 'utf8')),
)
const stage = readFileSync('spec/house/snippets/stage.ts', 'utf8')
const STAGE: Door = {
  values: [...stage.matchAll(/^export declare const (\w+)/gm)].map(([, name = '']) => name),
  types: [...stage.matchAll(/^export interface (\w+)/gm)].map(([, name = '']) => name),
}

/** A program is whole: it imports all that it uses, and takes nothing for granted. */
export const isProgram = ({ text, given }: Block): boolean =>
  /^import /m.test(text) && given === null

/**
 * A module that the compiler can judge: a program as it stands. A fragment is given what its page or its
 * file says, what the stage has, and, if it imports nothing by itself, our public names.
 */
export const moduleOf = (block: Block): string => {
  if (isProgram(block)) return block.text
  const [imports, body] = taken(block.text)
  const given = `${block.given ?? ''}\n${GIVEN[block.file] ?? ''}`
  const settled = declaredIn(`${imports}\n${given}`)
  const staged = without(namesIn(`${body}\n${given}`), [...settled, ...ownNames(block.file)])
  const open = without(namesIn(imports === '' ? `${body}\n${given}` : given), [
    ...settled,
    ...[...STAGE.values, ...STAGE.types].filter((name) => staged.has(name)),
  ])
  return [
    imports,
    ...doors.flatMap(([path, door]) => importsOf(door, open, `tidemark${path.slice(1)}`)),
    ...importsOf(STAGE, staged, STAGE_FROM_MODULES),
    given,
    `{\n${body}}`,
    'export {}',
  ].join('\n')
}

const importsOf = ({ values, types }: Door, wanted: Set<string>, from: string): readonly string[] =>
  [['import', values] as const, ['import type', types] as const].map(([word, all]) => {
    const names = all.filter((name) => wanted.delete(name))
    return names.length === 0 ? '' : `${word} { ${names.join(', ')} } from '${from}'`
  })

/** The operator that a file is about is itself in its example, whatever the stage calls so. */
const ownNames = (file: string): readonly string[] => [basename(file, '.ts')]

const without = (names: Set<string>, others: readonly string[]): Set<string> => {
  for (const other of others) names.delete(other)
  return names
}

const taken = (text: string): readonly [imports: string, body: string] => {
  const imports = text.match(/^import [\s\S]*? from '.*'$/gm) ?? []
  return [imports.join('\n'), imports.reduce((rest, line) => rest.replace(line, ''), text)]
}

const namesIn = (text: string): Set<string> =>
  new Set(text.match(/(?<!(?<!\.\.)\.|[\w$])[A-Za-z_]\w*\$?(?![\w$])/g))

const declaredIn = (text: string): readonly string[] => [
  ...[...text.matchAll(/\b(?:const|class|interface) (\w+\$?)/g)].map(([, name = '']) => name),
  ...[...text.matchAll(/^import (?:type )?\{([\s\S]*?)\} from/gm)].flatMap(([, names = '']) => [
    ...namesIn(names),
  ]),
]
