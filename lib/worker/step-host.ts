import { AbortExecution, ClusterError, ConnectorError } from '../errors/errors.ts'
import { StepError, type StepFacts } from '../errors/step-error.ts'
import { circuitOption } from '../flow/options.ts'
import { type DeadLetter, deadLetterSinkOf, type ErrorPolicy } from '../flow/policy.ts'
import type { DynamicSink } from '../flow/sink.ts'
import type { Step } from '../flow/step.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { Circuit } from '../state/circuit.ts'
import type { Failure } from '../state/processor.ts'
import type { Tries } from '../state/task.ts'
import { durationMillis } from '../time/time.ts'
import type { Lease } from './lease.ts'
import type { Spans, Work } from './spans.ts'

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
  /** Without it nothing is handed over to the outside. */
  readonly lease: Lease
  /** Takes note of polls and writes; `null` where nobody traces. */
  readonly spans: Spans | null
  /** Asks for the end of the open epoch, ahead of time. */
  cut(): void
  skipped(failure: Failure): void
  deadLetter(letter: DeadLetter, sink: DynamicSink<DeadLetter>): void
  /** The circuit of the step is there, to be looked at. */
  installed(circuit: Circuit): void
  report(level: 'info' | 'warn', message: string): void
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

  /** Makes what keeps calls back while all of them fail; `null` where the policy wants none. */
  circuit(): Circuit | null {
    const { policy, stepId, around } = this
    if (typeof policy !== 'object' || !('retry' in policy) || policy.circuit === undefined) {
      return null
    }
    const limits = circuitOption(`Step "${stepId}": circuit`, policy.circuit)
    const circuit: Circuit = new Circuit(limits, {
      runtime: around.runtime,
      told: (state) => {
        if (state === 'closed') around.report('info', `step "${stepId}" works again`)
        if (state !== 'open') return
        const { failures, coolDown } = limits
        around.report(
          'warn',
          `step "${stepId}" failed ${failures} times in a row and rests for ${coolDown} ms, ${circuit.opened} times by now`,
        )
      },
    })
    around.installed(circuit)
    return circuit
  }

  /** Whether the policy, once no try is left, lets a failed item be passed over. */
  get passesOver(): boolean {
    return this.policy === 'skip' || deadLetterSinkOf(this.policy) !== null
  }

  /** Applies the step's policy to a failed item; returns when it is to be passed over. */
  fail(failure: Failure): void {
    if (!this.passesOver || !('item' in failure) || failure.final === true) {
      throw this.error(failure)
    }
    this.around.skipped(failure)
    const sink = deadLetterSinkOf(this.policy)
    if (sink === null) return
    this.around.deadLetter(
      {
        stepId: this.stepId,
        callback: failure.callback,
        item: failure.item,
        ...(failure.key === undefined ? {} : { key: failure.key }),
        ...(failure.source === undefined ? {} : { source: failure.source }),
        ...(failure.part === undefined ? {} : { part: failure.part }),
        ...(failure.input === undefined ? {} : { input: failure.input }),
        worker: this.around.worker,
        epoch: failure.epoch ?? this.around.openEpoch(),
        time: this.around.runtime.now(),
        error: failure.error,
      },
      sink,
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

  /**
   * Takes note of a poll or a write, if anybody traces.
   *
   * @param work - `began` is by `spans.now()`
   */
  trace(work: Omit<Work, 'step' | 'epoch'> & { readonly epoch?: number }): void {
    const { spans, openEpoch } = this.around
    spans?.work({ epoch: work.epoch ?? openEpoch(), ...work, step: this.step.id })
  }

  /** Awaits a write that has been begun, and takes note of it. */
  async traced<R>(
    written: Promise<R>,
    work: Omit<Work, 'step' | 'epoch' | 'failure'> & { readonly epoch?: number },
  ): Promise<R> {
    const { epoch = this.around.openEpoch() } = work
    try {
      const result = await written
      this.trace({ ...work, epoch })
      return result
    } catch (error) {
      this.trace({ ...work, epoch, failure: { error } })
      throw error
    }
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
    // What opens a sink also cuts it back.
    await this.around.lease.leased()
    const opened = await this.call(callback, part, build)
    if (!this.around.over()) return opened
    await this.call('close', part, () =>
      opened.abandon === undefined ? opened.close() : opened.abandon(),
    )
    throw new AbortExecution('The run ended while its sources and sinks were being opened.')
  }

  outside(callback: string, part: string | undefined, error: unknown): Error {
    const known =
      error instanceof ConnectorError ||
      error instanceof AbortExecution ||
      error instanceof ClusterError
    if (known) return error
    return this.error({ callback, error, ...(part === undefined ? {} : { part }) })
  }
}
