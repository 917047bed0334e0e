/**
 * Of running counts by key: what is missing below the highest count of a key, and what is there more
 * than once. The counts of a key are 1, 2, 3 ..., wherever the flow was stopped.
 */
export const gaps = (
  lines: readonly string[],
): { readonly lost: number; readonly doubled: number } => {
  const seen = new Map<string, Map<number, number>>()
  for (const line of lines) {
    const [key = '', count = ''] = line.split('\t')
    const counts = seen.get(key) ?? new Map<number, number>()
    seen.set(key, counts)
    counts.set(Number(count), (counts.get(Number(count)) ?? 0) + 1)
  }
  let lost = 0
  let doubled = 0
  for (const counts of seen.values()) {
    lost += Math.max(...counts.keys()) - counts.size
    for (const times of counts.values()) doubled += times - 1
  }
  return { lost, doubled }
}
