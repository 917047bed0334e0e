import type { Signal } from '../signal/signal.ts'
import { hashKey, ownerOfHash } from './hash.ts'

/** Where a router puts what it sorts. */
interface Scatter {
  add(to: number, key: string | null, value: unknown): void
  forward(to: number, signal: Signal): void
}

/** Decides which worker an item goes to. */
export interface Router {
  scatter(batch: Signal, into: Scatter): void
}

/** To the worker that owns the key. */
export const byKey = (workers: number): Router => ({
  scatter: (batch, into) => {
    const { keys, values } = batch
    if (keys === null) return
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as string
      into.add(ownerOfHash(hashKey(key), workers), key, values[at])
    }
  },
})

/** To the worker that a function names for the key. */
export const byOwner = (ownerOf: (key: string) => number): Router => ({
  scatter: (batch, into) => {
    const { keys, values } = batch
    if (keys === null) return
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as string
      into.add(ownerOf(key), key, values[at])
    }
  },
})

/** All to one worker. */
export const toOne = (worker: number): Router => ({
  scatter: (batch, into) => into.forward(worker, batch),
})

/** To the workers in turn, item by item, beginning with the sender's neighbour. */
export const inTurn = (workers: number, first: number): Router => {
  let next = first
  return {
    scatter: (batch, into) => {
      const { keys, values } = batch
      for (let at = 0; at < values.length; at++) {
        next = next + 1 === workers ? 0 : next + 1
        into.add(next, keys === null ? null : (keys[at] as string), values[at])
      }
    },
  }
}

/** To every worker. */
export const toAll = (workers: number): Router => ({
  scatter: (batch, into) => {
    for (let to = 0; to < workers; to++) into.forward(to, batch)
  },
})

/** A packed part of a snapshot and the recovery partition that keeps it. */
export interface Addressed {
  readonly partition: number
}

/** Snapshot blocks: to the worker that writes their recovery partition. */
export const toRecorder = (ownerOf: (partition: number) => number): Router => ({
  scatter: (batch, into) => {
    for (const block of batch.values as readonly Addressed[]) {
      into.add(ownerOf(block.partition), null, block)
    }
  },
})
