import { hashKey } from './hash.ts'

/**
 * The numbered slots through which the output of an exactly-once sink goes: each has one writer at
 * a time, and is handed to another worker with all that is still to be settled.
 *
 * Their number is part of what a store means: a key keeps its slot through every change of the
 * number of workers, and so does what was staged for it.
 */
export const SLOTS = 16

/** The slot of a key. */
export const slotOfKey = (key: string): number => hashKey(key) % SLOTS

/** The worker that writes a slot. */
export const ownerOfSlot = (slot: number, workers: number): number => slot % workers

/** The slot of a worker's items without a key. */
export const slotOfWorker = (worker: number): number => worker % SLOTS

/** The slots that a worker writes. */
export const slotsOf = (worker: number, workers: number): readonly number[] =>
  Array.from({ length: SLOTS }, (_, slot) => slot).filter(
    (slot) => ownerOfSlot(slot, workers) === worker,
  )

/** The key of a snapshot row of a slot, of one of its epochs. */
export const slotRow = (slot: number, epoch: number, chunk = 0): string =>
  `${slot}/${epoch}/${chunk}`

/** The slot, epoch and chunk of a snapshot row. */
export const readSlotRow = (key: string): readonly [slot: number, epoch: number, chunk: number] => {
  const [slot, epoch, chunk] = key.split('/')
  return [Number(slot), Number(epoch), Number(chunk)]
}
