import assert from 'node:assert/strict'
import { decodeState, encodeState } from '../lib/codec/msgpack.ts'
import { ConnectorError } from '../lib/errors/errors.ts'
import type { RunAware } from '../lib/flow/run-facts.ts'
import { systemRuntime } from '../lib/runtime/system.ts'
import type { ContractWorld } from './contract.ts'

/** An exactly-once sink and its outside system, made anew for each promise that is tested. */
export interface SlotWorld<T, S extends RunAware> extends ContractWorld {
  /** A sink object as each new process makes one, all with the same outside system. */
  readonly sink: () => S
  /** At least four items to write, no two of them the same. */
  readonly items: readonly T[]
  /** What whoever reads the outside system finds there, in order. */
  readonly written: () => readonly T[] | Promise<readonly T[]>
  /** Makes the outside system unreachable; without it and `back` that is not tested. */
  readonly away?: () => void | Promise<void>
  /** Ends that. */
  readonly back?: () => void | Promise<void>
}

/** The step and the slot that the suites write. */
export const STEP = 'flow.contract'
export const SLOT = '3'

/** A sink in a run that keeps snapshots. */
export const sinkInRun = <S extends RunAware>(world: { readonly sink: () => S }): S => {
  const sink = world.sink()
  sink.useRun?.({ runtime: systemRuntime, recovery: true })
  return sink
}

/** What comes back of a value that went into a snapshot. */
export const throughStore = <V>(value: V): V => decodeState(encodeState(value)) as V

/** A writer that has been shut out may say so, and may be silent; it must do no harm. */
export const harmless = async (doing: () => unknown): Promise<void> => {
  try {
    await doing()
  } catch {
    // That it is refused is as good: what counts is what stands outside afterwards.
  }
}

/** How long an outside system that is away may keep a call, and one that is back a sink: milliseconds. */
const LONGEST_CALL = 30_000
const PAUSE = 50

/** What an outage must look like: the flow waits it out only where the error says that it may. */
export const isPassing = (doing: () => Promise<unknown>): Promise<void> =>
  assert.rejects(within(doing), mayPass)

/** Calls again, as the engine does, while the failure says that it may help: a way back takes a while. */
export const persist = async <R>(doing: () => Promise<R>): Promise<R> => {
  const until = systemRuntime.now() + LONGEST_CALL
  for (;;) {
    try {
      return await within(doing)
    } catch (failure) {
      if (!mayPass(failure) || systemRuntime.now() > until) throw failure
    }
    await new Promise<void>((resolve) => systemRuntime.after(PAUSE, resolve))
  }
}

const mayPass = (failure: unknown): boolean =>
  failure instanceof ConnectorError && failure.retryable

/** A call that neither succeeds nor fails would stop a flow for good, and tell nobody why. */
const within = <R>(doing: () => Promise<R>): Promise<R> =>
  new Promise((resolve, reject) => {
    const timer = systemRuntime.after(LONGEST_CALL, () =>
      reject(
        new assert.AssertionError({
          message: `a call neither succeeded nor failed within ${LONGEST_CALL / 1000} s`,
        }),
      ),
    )
    doing()
      .then(resolve, reject)
      .finally(() => timer.cancel())
  })
