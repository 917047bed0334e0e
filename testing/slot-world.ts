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

/** What an outage must look like: the flow waits it out only where the error says that it may. */
export const isPassing = (doing: () => Promise<unknown>): Promise<void> =>
  assert.rejects(doing, (failure) => failure instanceof ConnectorError && failure.retryable)
