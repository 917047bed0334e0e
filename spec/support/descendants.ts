import { execFileSync } from 'node:child_process'

interface Row {
  readonly pid: number
  readonly parent: number
  readonly state: string
}

const rows = (): readonly Row[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length === 3)
    .map(([pid, parent, state = '']) => ({ pid: Number(pid), parent: Number(parent), state }))

/** Every process that `pid` has started, or one of those. */
export const descendants = (pid: number): readonly number[] => {
  const all = rows()
  const below = (parent: number): readonly number[] =>
    all.filter((row) => row.parent === parent).flatMap((row) => [row.pid, ...below(row.pid)])
  return below(pid)
}

/** Those of the processes that still run; one that nobody has buried does not. */
export const alive = (pids: readonly number[]): readonly number[] => {
  const running = new Set(rows().flatMap(({ pid, state }) => (/^Z/.test(state) ? [] : [pid])))
  return pids.filter((pid) => running.has(pid))
}
