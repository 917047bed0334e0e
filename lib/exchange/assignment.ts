/**
 * Which worker gets which partition, when each worker says which ones it can reach.
 *
 * Every worker computes the same answer from the same lists. A partition goes to the candidate that
 * has the fewest so far (the lowest index on ties), those with the fewest candidates first and by
 * name otherwise; so no worker has two more than another that could reach as much.
 *
 * @param reachable - for each worker, the names it can reach
 * @param taken - how many partitions each worker already has; added to
 */
export const assignPartitions = (
  reachable: readonly (readonly string[])[],
  taken: number[] = reachable.map(() => 0),
): Map<string, number> => {
  const candidates = new Map<string, number[]>()
  reachable.forEach((names, worker) => {
    for (const name of new Set(names)) {
      const workers = candidates.get(name)
      if (workers === undefined) candidates.set(name, [worker])
      else workers.push(worker)
    }
  })
  const names = [...candidates].sort(
    ([nameA, a], [nameB, b]) => a.length - b.length || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0),
  )
  const own = reachable.map(() => 0)
  const owners = new Map<string, number>()
  for (const [name, workers] of names) {
    const owner = workers.reduce((best, worker) => {
      const fewer =
        count(own, worker) - count(own, best) || count(taken, worker) - count(taken, best)
      return fewer < 0 ? worker : best
    })
    own[owner] = count(own, owner) + 1
    taken[owner] = count(taken, owner) + 1
    owners.set(name, owner)
  }
  return owners
}

const count = (counts: readonly number[], worker: number): number => counts[worker] ?? 0
