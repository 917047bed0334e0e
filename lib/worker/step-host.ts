import { AbortExecution, ConnectorError } from '../errors/errors.ts'
import { StepError, type StepFacts } from '../errors/step-error.ts'
import type { DeadLetter, ErrorPolicy } from '../flow/policy.ts'
import type { Step } from '../flow/step.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Failure } from '../state/processor.ts'
import type { Tries } from '../state/task.ts'
import { durationMillis } from '../time/time.ts'

/** What the worker gives to the actor of a step. */
export interface StepSurroundings {
  readonly flowId: string
  readonly worker: number
  readonly workers: number
  readonly runtime: Runtime
  readonly onError: ErrorPolicy
  /** Keeps the actor from taking further signals until the work has settled. */
  hold(work: Promise<unknown>): void
  /** The actor has something to do without a signal. */
  wake(): void
  /** The epoch the actor works in. */
  openEpoch(): number
  /** How the flow is being stopped; `null` while it is not. */
  stopping(): 'drain' | 'halt' | null
  /** Whether the worker has ended or failed, and has closed what was open. */
  over(): boolean
  /** Asks for the end of the open epoch, ahead of time. */
  cut(): void
  skipped(): void
  deadLetter(letter: DeadLetter, policy: object): void
}

interface Closable {
  close(): void | Promise<void>
  abandon?(): void | Promise<void>
}

/**
 * A step's way to the outside: where it is, and what becomes of the failures of its user code.
 */
export class StepHost {
  readonly step: Step
  /** The step's id with the flow's name before it, as people and callbacks see it. */
  readonly stepId: string
  readonly around: StepSurroundings
  readonly policy: ErrorPolicy

  constructor(step: Step, around: StepSurroundings) {
    this.step = step
    this.stepId = `${around.flowId}.${step.id}`
    this.around = around
    this.policy = step.policy ?? around.onError
  }

  /** How often a failed item is tried again, where the policy says so. */
  get tries(): Tries | null {
    const { policy } = this
    if (typeof policy !== 'object' || !('retry' in policy)) return null
    const { attempts, backoff } = policy.retry
    return { attempts, backoff: durationMillis(backoff) }
  }

  /** Applies the step's policy to a failed item; returns when it is to be passed over. */
  fail(failure: Failure): void {
    const { policy } = this
    if (
      policy === 'stop' ||
      !('item' in failure) ||
      (typeof policy === 'object' && 'retry' in policy)
    ) {
      throw this.error(failure)
    }
    this.around.skipped()
    if (policy === 'skip') return
    this.around.deadLetter(
      {
        stepId: this.stepId,
        callback: failure.callback,
        item: failure.item,
        ...(failure.key === undefined ? {} : { key: failure.key }),
        ...(failure.part === undefined ? {} : { part: failure.part }),
        worker: this.around.worker,
        epoch: failure.epoch ?? this.around.openEpoch(),
        time: this.around.runtime.now(),
        error: failure.error,
      },
      policy,
    )
  }

  /** The failure as an error that says where it happened. */
  error(
    failure: Omit<StepFacts, 'stepId' | 'worker' | 'epoch'> & {
      readonly error: unknown
      readonly epoch?: number
    },
  ): Error {
    const { error, epoch = this.around.openEpoch(), ...facts } = failure
    if (error instanceof StepError) return error
    return new StepError(
      { ...facts, stepId: this.stepId, worker: this.around.worker, epoch },
      error,
    )
  }

  /** Calls something of a source or a sink; what it throws says where, or is ours already. */
  async call<R>(
    callback: string,
    part: string | undefined,
    body: () => R | Promise<R>,
  ): Promise<R> {
    try {
      return await body()
    } catch (error) {
      throw this.outside(callback, part, error)
    }
  }

  /** Opens something of a source or a sink. What opens only when the run is over is let go of. */
  async open<P extends Closable>(
    callback: string,
    part: string | undefined,
    build: () => P | Promise<P>,
  ): Promise<P> {
    const opened = await this.call(callback, part, build)
    if (!this.around.over()) return opened
    await this.call('close', part, () =>
      opened.abandon === undefined ? opened.close() : opened.abandon(),
    )
    throw new AbortExecution('The run ended while its sources and sinks were being opened.')
  }

  outside(callback: string, part: string | undefined, error: unknown): Error {
    if (error instanceof ConnectorError || error instanceof AbortExecution) return error
    return this.error({ callback, error, ...(part === undefined ? {} : { part }) })
  }
}
