import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { buildPackage } from './built-package.ts'

/** What specs start as processes of their own, many times over, with the flows that it runs. */
const PROGRAMS = [
  'cli/main.ts',
  'spec/bench/nexmark-killed.ts',
  'spec/cli/flows/flows.ts',
  'spec/cluster/flows/counting.ts',
  'spec/cluster/member.ts',
  'spec/connectors/files/killed-flow.ts',
  'spec/connectors/kafka/killed-flow.ts',
  'spec/connectors/nats/killed-flow.ts',
  'spec/connectors/postgres/followed-flow.ts',
  'spec/connectors/postgres/killed-flow.ts',
  'spec/connectors/redis/killed-flow.ts',
  'spec/ops/flows/threaded.ts',
  'spec/ops/flows/traced.ts',
  'spec/recovery/kill-flow.ts',
]

let dist: string | null = null

/**
 * The JavaScript of one of these sources, made for all of them when the first is asked for. A program
 * on two threads has started, run and ended before the loader for its sources alone would have.
 */
export const builtProgram = (source: string): string => {
  dist ??= build()
  const program = join(dist, relative('.', source).replace(/\.ts$/, '.js'))
  if (!existsSync(program)) throw new Error(`${source} is no program that specs start.`)
  return program
}

const NAME = 'tidemark-specs-'

/** In a folder of this process alone, where packages are found: it goes with the process. */
const build = (): string => {
  // By its real path, or a program would not see that it is the one which Node was told to run.
  const cache = join(realpathSync('node_modules'), '.cache')
  mkdirSync(cache, { recursive: true })
  sweep(cache)
  const folder = join(cache, `${NAME}${process.pid}`)
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  buildPackage(folder, PROGRAMS)
  return join(folder, 'dist')
}

/** Takes away what processes left that were killed. */
const sweep = (cache: string): void => {
  for (const name of readdirSync(cache)) {
    if (!name.startsWith(NAME) || isAlive(Number(name.slice(NAME.length)))) continue
    rmSync(join(cache, name), { recursive: true, force: true })
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
