import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { DONE, type World } from './exit.ts'
import { type ProjectVersions, projectFiles } from './new-project.ts'
import { UsageError } from './usage-error.ts'

/** Names that npm and every file system take, and that are no option and no hidden file. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/
const TAKEN: ReadonlySet<string> = new Set(['node_modules', 'favicon.ico', 'tidemark'])

/**
 * Makes a project in a folder of its own; gives the exit code.
 *
 * @throws UsageError for a name that is none, or a folder that holds something
 */
export const newCommand = async (name: string, { print, directory }: World): Promise<number> => {
  if (!NAME.test(name) || TAKEN.has(name) || name.endsWith('.')) {
    throw new UsageError(
      `"${name}" can't name a project: use small letters, digits, "-", "_" and ".", beginning with a letter or digit, as in tidemark new orders.`,
    )
  }
  const folder = resolve(directory, name)
  await checkEmpty(folder, name)
  const files = projectFiles(name, versions())
  for (const [path, text] of files) {
    const file = join(folder, path)
    await mkdir(dirname(file), { recursive: true })
    // What has come into the folder meanwhile is not written over.
    await writeFile(file, text, { flag: 'wx' })
  }
  print(
    [
      `Made ${name}: ${files.map(([path]) => path).join(', ')}.`,
      `  cd ${name} && npm install && npm test && npm start`,
    ].join('\n'),
  )
  return DONE
}

const checkEmpty = async (folder: string, name: string): Promise<void> => {
  let found: readonly string[]
  try {
    found = await readdir(folder)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT') return
    if (code !== 'ENOTDIR') throw cause
    throw new UsageError(`"${name}" is a file here: take another name.`, { cause })
  }
  if (found.length > 0) {
    throw new UsageError(
      `The folder "${name}" is not empty (${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''}): take another name, or empty it.`,
    )
  }
}

interface Manifest {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/** A project begins with what this release was made and tested with. */
const versions = (): ProjectVersions => {
  const require = createRequire(import.meta.url)
  const { version, dependencies, devDependencies } = require('tidemark/package.json') as Manifest
  return {
    tidemark: `^${version}`,
    tsx: dependencies['tsx'] ?? '*',
    typescript: devDependencies['typescript'] ?? '*',
    nodeTypes: devDependencies['@types/node'] ?? '*',
  }
}
