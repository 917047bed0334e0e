import { RecoveryError } from '../errors/errors.ts'

/** Keys begin at words, so that 32 bits reach 16 GiB of them. */
const WORD = 4
const CHUNK_WORD_BITS = 18
const CHUNK_WORDS = 1 << CHUNK_WORD_BITS
const CHUNK = CHUNK_WORDS * WORD
const SMALLEST = 1024

/**
 * An exact set of keys in their packed form, for the newest-first walks over a step's blocks.
 *
 * A Set of strings would make a million strings of which most are dropped at once, costs three times
 * the memory, and ends at 2^24 keys. The table holds hashes; the keys lie in chunks and are compared.
 */
export class KeySet {
  readonly #seed: number
  /** Two words a slot, side by side for the cache: the key's hash, 0 if empty, and its place. */
  #slots: Uint32Array
  #mask: number
  #size = 0
  readonly #chunks: Uint8Array[] = []
  #chunkEnd = CHUNK

  /** The seed keeps those who choose the keys from choosing the collisions. */
  constructor(options: { readonly seed: number; readonly expected?: number }) {
    this.#seed = Math.floor(options.seed * 2 ** 32) | 0
    const count = slotsFor(options.expected ?? 0)
    this.#slots = new Uint32Array(2 * count)
    this.#mask = count - 1
  }

  get size(): number {
    return this.#size
  }

  /** Takes a self-delimiting key up; false if it was here before. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    const hash = this.#hash(bytes, start, end)
    const slots = this.#slots
    const mask = this.#mask
    let slot = hash & mask
    for (;;) {
      const found = slots[2 * slot] ?? 0
      if (found === 0) break
      if (found === hash && this.#holds(slots[2 * slot + 1] ?? 0, bytes, start, end)) return false
      slot = (slot + 1) & mask
    }
    slots[2 * slot] = hash
    slots[2 * slot + 1] = this.#keep(bytes, start, end)
    this.#size++
    if (this.#size * 2 > mask) this.#grow()
    return true
  }

  #hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#seed
    for (let index = start; index < end; index++) {
      hash = Math.imul(hash ^ (bytes[index] ?? 0), 0x01000193)
    }
    hash ^= hash >>> 16
    hash = Math.imul(hash, 0x85ebca6b)
    hash ^= hash >>> 13
    hash = Math.imul(hash, 0xc2b2ae35)
    hash ^= hash >>> 16
    return hash === 0 ? 1 : hash >>> 0
  }

  #holds(place: number, bytes: Uint8Array, start: number, end: number): boolean {
    const chunk = this.#chunks[place >>> CHUNK_WORD_BITS]
    if (chunk === undefined) return false
    let at = (place & (CHUNK_WORDS - 1)) * WORD
    for (let index = start; index < end; index++, at++) {
      if (chunk[at] !== bytes[index]) return false
    }
    return true
  }

  #keep(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    if (this.#chunkEnd + length > CHUNK) {
      this.#chunks.push(new Uint8Array(Math.max(CHUNK, length)))
      this.#chunkEnd = 0
    }
    const last = this.#chunks.length - 1
    const chunk = this.#chunks[last]
    const place = last * CHUNK_WORDS + this.#chunkEnd / WORD
    if (place > 0xffff_ffff) throw new RecoveryError(TOO_MANY)
    if (chunk !== undefined) {
      let to = this.#chunkEnd
      for (let index = start; index < end; index++) chunk[to++] = bytes[index] ?? 0
    }
    this.#chunkEnd = Math.ceil((this.#chunkEnd + length) / WORD) * WORD
    return place
  }

  #grow(): void {
    const old = this.#slots
    const slots = new Uint32Array(old.length * 2)
    const mask = slots.length / 2 - 1
    for (let from = 0; from < old.length; from += 2) {
      const hash = old[from] ?? 0
      if (hash === 0) continue
      let slot = hash & mask
      while (slots[2 * slot] !== 0) slot = (slot + 1) & mask
      slots[2 * slot] = hash
      slots[2 * slot + 1] = old[from + 1] ?? 0
    }
    this.#slots = slots
    this.#mask = mask
  }
}

const TOO_MANY =
  'The keys of one step in one recovery partition exceed 16 GiB. Give the store more partitions.'

const slotsFor = (expected: number): number => {
  let slots = SMALLEST
  while (slots < expected * 2) slots *= 2
  return slots
}
