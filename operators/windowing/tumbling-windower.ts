import type { DurationLike, TimeLike } from '../../lib/time/time.ts'
import { GridWindowerLogic } from './sliding-windower.ts'
import { WindowGrid } from './window-grid.ts'
import { pointInTime, positiveLength } from './window-options.ts'
import { Windower, type WindowerLogic } from './windower.ts'

export interface TumblingWindowerOptions {
  /** How long a window is. */
  readonly length: DurationLike
  /** Where window 0 opens. */
  readonly alignTo: TimeLike
}

/**
 * Assign each value to the one window of fixed length that holds its time.
 *
 * Window `i` is [alignTo + i * length, alignTo + (i + 1) * length), for negative `i` too. It closes
 * when the watermark reaches its end.
 *
 * @throws BuildError where `length` is not positive or `alignTo` is not a point in time
 *
 * @example
 * ```ts
 * new TumblingWindower({ length: { minutes: 1 }, alignTo: new Date('2024-01-01T00:00:00Z') })
 * ```
 */
export class TumblingWindower extends Windower<number[]> {
  readonly grid: WindowGrid

  constructor(options: TumblingWindowerOptions) {
    super()
    const length = positiveLength(options.length, 'TumblingWindower: length')
    const alignTo = pointInTime(options.alignTo, 'TumblingWindower: alignTo')
    this.grid = new WindowGrid(length, length, alignTo)
  }

  override build(resume: number[] | null): WindowerLogic<number[]> {
    return new GridWindowerLogic(this.grid, resume)
  }
}
