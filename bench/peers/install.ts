/** Gets the peers from the registries of their languages, once, into a folder that git ignores. */

import { execFile } from 'node:child_process'
import { access, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { PeerName } from './peer.ts'

const run = promisify(execFile)
const HERE = fileURLToPath(new URL('.', import.meta.url))
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/tidemark-peers/', import.meta.url))
const PYTHON = join(CACHE, 'py', 'bin', 'python')

/** The versions that are compared. */
export const PEER_VERSIONS: Readonly<Record<PeerName, string>> = {
  bytewax: '0.21.1',
  jet: '5.7.0',
  flink: '2.3.0',
}

/** Installing takes this long at most, milliseconds. */
const LIMIT_MS = 240_000

const exists = async (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const installBytewax = async (): Promise<void> => {
  const wanted = `bytewax==${PEER_VERSIONS.bytewax}`
  if (!(await exists(PYTHON))) {
    await run('python3', ['-m', 'venv', join(CACHE, 'py')], { timeout: LIMIT_MS })
  }
  const { stdout } = await run(PYTHON, ['-m', 'pip', 'freeze'])
  if (stdout.split('\n').includes(wanted)) return
  await run(PYTHON, ['-m', 'pip', 'install', '-q', wanted], { timeout: LIMIT_MS })
}

const buildFolder = (name: 'jet' | 'flink'): string => join(CACHE, name)

/** When what a peer on the JVM is made of was last changed. */
const lastChange = async (name: 'jet' | 'flink'): Promise<number> => {
  const folders = [join(HERE, 'jvm'), join(HERE, name)]
  const lists = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(folder, { recursive: true })
      return Promise.all(names.map((path) => stat(join(folder, path))))
    }),
  )
  return Math.max(...lists.flat().map(({ mtimeMs }) => mtimeMs))
}

/** Compiles a Maven project, unless that was done since it was last changed. */
const installWithMaven = async (name: 'jet' | 'flink'): Promise<void> => {
  const made = await stat(join(buildFolder(name), 'classes', 'Peer.class')).catch(() => null)
  if (made !== null && made.mtimeMs > (await lastChange(name))) return
  const goals = ['compile', 'dependency:copy-dependencies']
  const settings = [
    `-Dtidemark.build=${buildFolder(name)}`,
    `-Dpeer.version=${PEER_VERSIONS[name]}`,
    `-DoutputDirectory=${join(buildFolder(name), 'lib')}`,
  ]
  await run('mvn', ['-q', '-B', '-f', join(HERE, name, 'pom.xml'), ...settings, ...goals], {
    timeout: LIMIT_MS,
    maxBuffer: 2 ** 26,
  })
}

const INSTALLERS: Readonly<Record<PeerName, () => Promise<void>>> = {
  bytewax: installBytewax,
  jet: () => installWithMaven('jet'),
  flink: () => installWithMaven('flink'),
}

/** Why a peer is not to be had here; `null` when it is. */
export const install = async (name: PeerName): Promise<string | null> => {
  try {
    await mkdir(CACHE, { recursive: true })
    await INSTALLERS[name]()
    return null
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return `not available here: ${reason.split('\n').slice(0, 3).join(' ').slice(0, 200)}`
  }
}

/** Flink and Jet reach into the JDK; their own start scripts open the same packages. */
const OPENS = ['java.lang', 'java.util', 'java.nio', 'java.net', 'java.time', 'sun.nio.ch'].flatMap(
  (name) => ['--add-opens', `java.base/${name}=ALL-UNNAMED`],
)

/** The command line of an installed peer, to which a run adds its arguments. */
export const commandOf = (name: PeerName): readonly string[] => {
  if (name === 'bytewax') return [PYTHON, join(HERE, 'bytewax', 'peer.py')]
  const path = [join(buildFolder(name), 'classes'), join(buildFolder(name), 'lib', '*')].join(':')
  return ['java', '-Xmx4g', ...OPENS, '-cp', path, 'Peer']
}
