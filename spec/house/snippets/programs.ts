import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const LIMIT_MS = 60_000

/** Runs a program of a page as a user would, from source, and gives what it prints. */
export const printedBy = async (file: string): Promise<string> => {
  const node = ['--import', 'tsx', '--conditions', 'source', file]
  const { stdout } = await promisify(execFile)(process.execPath, node, { timeout: LIMIT_MS })
  return stdout
}

/** What a program says it prints: its `// =>` lines. */
export const promisedBy = (program: string): string =>
  [...program.matchAll(/^\/\/ => (.*)$/gm)].map(([, line = '']) => `${line}\n`).join('')
