import { seal, unseal } from './record.ts'
import type { Change, Table } from './table.ts'

/** How finely the backup interval is watched: more points keep less beyond it. */
const POINTS = 64

/** A committed epoch, and the wall-clock time of its commit. */
export type CommitPoint = readonly [epoch: number, at: number]

/**
 * How far superseded rows may be collected.
 *
 * Every epoch that was committed within the backup interval can still be resumed from: the horizon is
 * the newest epoch whose commit is older than that. Between two kept points it errs to keep more.
 */
export class Horizon {
  readonly #interval: number
  #points: CommitPoint[]

  constructor(backupInterval: number, points: readonly CommitPoint[] = []) {
    this.#interval = backupInterval
    this.#points = [...points]
  }

  get points(): readonly CommitPoint[] {
    return this.#points
  }

  /** The horizon after `epoch` was committed at `now`; `null` while nothing is old enough. */
  commit(epoch: number, now: number): number | null {
    if (this.#interval === 0) return epoch
    // A clock that was set back makes a commit seem to lie ahead: it counts from now on.
    this.#points = this.#points.map(([point, at]) => [point, Math.min(at, now)])
    const last = this.#points.at(-1)
    if (last === undefined || now - last[1] >= this.#interval / POINTS)
      this.#points.push([epoch, now])
    let horizon: number | null = null
    let passed = 0
    for (const [point, at] of this.#points) {
      if (at >= now - this.#interval) break
      horizon = point
      passed++
    }
    // The passed point nearest to the interval stays the horizon until the next one passes.
    if (passed > 1) this.#points.splice(0, passed - 1)
    return horizon
  }
}

const POINTS_KEY = Buffer.from('h')

export const pointsChange = (points: readonly CommitPoint[]): Change => ({
  key: POINTS_KEY,
  value: seal(POINTS_KEY, points),
})

export const readPoints = async (table: Table, place: string): Promise<readonly CommitPoint[]> => {
  const record = await table.get(POINTS_KEY)
  return record === null ? [] : (unseal(POINTS_KEY, record, place) as readonly CommitPoint[])
}
