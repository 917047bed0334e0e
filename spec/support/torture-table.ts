/** A fault of the matrix, how often it struck and what came of it. */
export interface TortureRow {
  readonly fault: string
  readonly repetitions: number
  readonly lost: number
  readonly doubled: number
  /** Milliseconds from the fault until the flow was under way again. */
  readonly recoveries: readonly number[]
  /** Parts of these, in order: a name and the milliseconds of each time. */
  readonly phases?: ReadonlyMap<string, readonly number[]>
}

/** A quantile of what was measured: `part` from 0 to 1; `null` where nothing was. */
const quantile = (times: readonly number[], part: number): number | null => {
  if (times.length === 0) return null
  const sorted = [...times].sort((a, b) => a - b)
  const at = Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)
  return Math.round(sorted[Math.max(0, at)] ?? 0)
}

/** How many lines of `from` are not in `taken`, each counted as often as it is there. */
export const difference = (from: readonly string[], taken: readonly string[]): number => {
  const counts = new Map<string, number>()
  for (const line of taken) counts.set(line, (counts.get(line) ?? 0) + 1)
  let left = 0
  for (const line of from) {
    const count = counts.get(line) ?? 0
    if (count === 0) left += 1
    else counts.set(line, count - 1)
  }
  return left
}

export const tortureTable = (rows: readonly TortureRow[]): string => {
  const head = ['fault', 'repetitions', 'lost', 'doubled', 'recovery p50/p99 ms', 'of that, p50 ms']
  const lines = rows.map(({ fault, repetitions, lost, doubled, recoveries, phases }) => [
    fault,
    String(repetitions),
    String(lost),
    String(doubled),
    recoveries.length === 0 ? '' : `${quantile(recoveries, 0.5)} / ${quantile(recoveries, 0.99)}`,
    [...(phases ?? [])].map(([name, times]) => `${name} ${quantile(times, 0.5)}`).join(', '),
  ])
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}
