import type { Signal } from '../signal/signal.ts'

const STEP = 0
const ITEMS = 1
const KEY = 2
const NOWHERE = -1
const NO_KEY = -1
/** So much of a key is enough to tell it by. */
const LONGEST_KEY = 64
const FACTS = 3 * Int32Array.BYTES_PER_ELEMENT

/** What a worker is at. */
interface Whereabout {
  /** The number of an actor. */
  readonly actor: number
  /** Items of the batch in hand; 0 where there is none. */
  readonly items: number
  /** The key of its first item, cut to what is enough to tell it by. */
  readonly key: string | null
}

/**
 * What a worker is at, in memory that the main thread can read while the worker's own thread is
 * blocked. Noted for each batch, and not for each item.
 */
export class Whereabouts {
  readonly memory: SharedArrayBuffer
  readonly #facts: Int32Array
  readonly #key: Uint16Array

  constructor(memory: SharedArrayBuffer = emptyMemory()) {
    this.memory = memory
    this.#facts = new Int32Array(memory, 0, 3)
    this.#key = new Uint16Array(memory, FACTS, LONGEST_KEY)
  }

  /** An actor has its go; it has no batch in hand yet. */
  enter(actor: number): void {
    this.#facts[STEP] = actor
    this.#facts[ITEMS] = 0
    this.#facts[KEY] = NO_KEY
  }

  batch({ keys, values }: Pick<Signal, 'keys' | 'values'>): void {
    this.#facts[ITEMS] = values.length
    const key = keys?.[0]
    if (key === undefined) {
      this.#facts[KEY] = NO_KEY
      return
    }
    const length = Math.min(key.length, LONGEST_KEY)
    for (let at = 0; at < length; at++) this.#key[at] = key.charCodeAt(at)
    this.#facts[KEY] = length
  }

  /** The turn is over. */
  leave(): void {
    this.#facts[STEP] = NOWHERE
  }

  /** `null` while the worker is in no step. */
  read(): Whereabout | null {
    const [actor = NOWHERE, items = 0, length = NO_KEY] = this.#facts
    if (actor === NOWHERE) return null
    const key = length === NO_KEY ? null : String.fromCharCode(...this.#key.subarray(0, length))
    return { actor, items, key }
  }
}

/** @param actors - what each does; none before they are there */
export const whereaboutText = (found: Whereabout | null, actors: readonly string[]): string => {
  if (actors.length === 0) return 'before its steps begin: it loads the module of the flow'
  if (found === null) return 'between two turns: in a callback, or collecting garbage'
  const { actor, items, key } = found
  const step = `in ${actors[actor] ?? 'a step'}`
  if (items === 0) return step
  const first = key === null ? '' : ` with the key ${JSON.stringify(key)}`
  if (items === 1) return `${step}, with an item${first}`
  return `${step}, with a batch of ${items} items${key === null ? '' : `, the first${first}`}`
}

const emptyMemory = (): SharedArrayBuffer => {
  const memory = new SharedArrayBuffer(FACTS + LONGEST_KEY * Uint16Array.BYTES_PER_ELEMENT)
  new Int32Array(memory, 0, 1)[STEP] = NOWHERE
  return memory
}
