import type { Observable, SchedulerLike } from 'rxjs'
import { BuildError } from '../lib/errors/errors.ts'
import { placed } from '../lib/flow/operator.ts'
import type { Operator, Stream } from '../lib/flow/stream.ts'
import { functionOption } from './keyed-step.ts'
import type { Project } from './rx-passage.ts'
import { RxPerEpoch, RxPerRun } from './rx-task.ts'

export interface RxOptions {
  /**
   * How long one Observable lasts. `run`: one for the whole run. `epoch`: a fresh one for each epoch
   * that has items, completed at the epoch's end.
   * @defaultValue 'run'
   */
  readonly per?: 'run' | 'epoch'
}

/**
 * Puts items through a pipeline of RxJS operators, one on each worker.
 *
 * Per `epoch`, epochs and watermarks are held until the Observable has completed, so its results are
 * exactly once. Per `run`, progress passes through and only the end waits for it: results that come
 * out while items go in have the epoch of these, later ones join the open epoch. Such a result may
 * be late, and what the pipeline keeps (a `scan`, a `debounceTime`) is no part of snapshots and is
 * lost in a crash or a stop. The output has no key.
 *
 * @param id - the step's id
 * @param project - called once for each Observable; an RxJS operator, or a function that is also
 *   given a scheduler on the engine's clock, for operators with time. Without it these use the
 *   system's clock, which differs from the engine's in simulations only.
 * @throws StepError with what the Observable errors with: such a failure concerns no single item
 *
 * @example
 * ```ts
 * clicks.pipe(rx('calm', (items, scheduler) => items.pipe(debounceTime(100, scheduler))))
 * ```
 */
export const rx = <T, R>(
  id: string,
  project: (items: Observable<T>, scheduler: SchedulerLike) => Observable<R>,
  { per = 'run' }: RxOptions = {},
): Operator<Stream<T>, Stream<R>> => {
  if (per !== 'run' && per !== 'epoch') {
    throw new BuildError(`rx "${id}": per is ${JSON.stringify(per)}; it must be 'run' or 'epoch'.`)
  }
  functionOption(id, 'project', project)
  const Task = per === 'run' ? RxPerRun : RxPerEpoch
  return placed({
    id,
    operator: 'rx',
    gives: 'unkeyed',
    spec: {
      kind: 'task',
      keeps: 'nothing',
      open: (context) => new Task(project as Project, context),
    },
  })
}
