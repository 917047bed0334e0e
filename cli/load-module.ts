import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { constants, Script } from 'node:vm'
import { UsageError } from './usage-error.ts'

/** What a module exports, by name. */
export type Exports = Readonly<Record<string, unknown>>

const ENDINGS = ['.ts', '.mts', '.js', '.mjs']
/** The module that packages are looked up from; it need not be there. */
const BASE = 'tidemark-run.mjs'
const TYPESCRIPT = /\.[cm]?tsx?$/

/**
 * Loads a user's module: a file, with or without its ending, or the path of a package that is
 * installed in `directory`.
 *
 * @throws UsageError where there is none; otherwise what the module throws
 */
export const loadModule = async (module: string, directory: string): Promise<Exports> => {
  const file = findFile(module, directory)
  if (file !== null) {
    if (TYPESCRIPT.test(file)) await loadTypeScript()
    return (await import(pathToFileURL(file).href)) as Exports
  }
  return loadPackage(module, directory)
}

/**
 * Where threads find the module that `loadModule` loaded.
 *
 * @throws UsageError where a package says it to `import` alone
 */
export const moduleUrl = (module: string, directory: string): string => {
  const file = findFile(module, directory) ?? resolveOr(module, join(directory, BASE))
  if (file !== null) return pathToFileURL(file).href
  throw new UsageError(
    `"${module}" can't be loaded in worker threads: name its file instead, as node_modules/${module}/flow.js.`,
  )
}

/** Where in the module's file a syntax error lies, which Node tells only to a process it ends. */
export const syntaxErrorLine = (module: string, directory: string): string | null => {
  const file = findFile(module, directory)
  if (file === null || TYPESCRIPT.test(file)) return null
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' })
  return /^(?:file:\/\/)?(.+:\d+)$/.exec(stderr.split('\n', 1)[0] ?? '')?.[1] ?? null
}

const findFile = (module: string, directory: string): string | null => {
  if (module.startsWith('file://')) return resolve(new URL(module).pathname)
  const path = resolve(directory, module)
  const found = ['', ...ENDINGS].map((ending) => path + ending).find(isFile)
  if (found !== undefined) return found
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new UsageError(`"${module}" is a directory: name the file in it that exports the flow.`)
  }
  if (!isPackagePath(module)) throw missing(module, directory)
  return null
}

const isFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true

const isPackagePath = (module: string): boolean =>
  /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*(?:\/|$)/i.test(module) &&
  !/\.[cm]?[jt]s$/.test(module.split('/', 1)[0] ?? '')

const missing = (module: string, directory: string): UsageError =>
  new UsageError(
    `There is no module "${module}": no such file in ${directory}, and no such package. See that the path is right, or install the package.`,
  )

/**
 * Run from its sources, this command is TypeScript that something loads already; a second loader
 * would take every module twice.
 */
const loadTypeScript = async (): Promise<void> => {
  if (import.meta.url.endsWith('.ts')) return
  const { register } = await import('tsx/esm/api')
  register()
}

/** Packages are found as by a module in `directory`, under the conditions of `import`. */
const loadPackage = async (module: string, directory: string): Promise<Exports> => {
  const base = join(directory, BASE)
  const file = resolveOr(module, base)
  if (file !== null && TYPESCRIPT.test(file)) await loadTypeScript()
  try {
    return await importFrom(base, module)
  } catch (cause) {
    if (isAbsent(cause, module)) throw missing(module, directory)
    throw cause
  }
}

/** Imports as the module `base` would; Node calls that experimental at the call. */
const importFrom = (base: string, specifier: string): Promise<Exports> => {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    const importer = new Script('(specifier) => import(specifier)', {
      filename: base,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }).runInThisContext() as (specifier: string) => Promise<Exports>
    return importer(specifier)
  } finally {
    process.emitWarning = emitWarning
  }
}

const resolveOr = (module: string, base: string): string | null => {
  try {
    return createRequire(base).resolve(module)
  } catch {
    // It may still be there for `import`, which says what is wrong if it is not.
    return null
  }
}

/** The package itself, and not something that it imports. */
const isAbsent = (cause: unknown, module: string): boolean =>
  cause instanceof Error &&
  'code' in cause &&
  (cause.code === 'ERR_MODULE_NOT_FOUND' || cause.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') &&
  cause.message.includes(BASE) &&
  cause.message.includes(module.split('/', 1)[0] as string)
