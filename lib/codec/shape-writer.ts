import { compile } from '../runtime/compile.ts'
import type { PackedState } from './msgpack.ts'
import { headsOf, isName, isPlain, MOST_FIELDS } from './shape.ts'

/** Writes one object and gives where it ends; 0 for one of another shape. */
type Write = (state: object, bytes: Uint8Array) => number

/** Shapes of one step; a state of another one is written by the driver. */
const MOST_SHAPES = 4
/** States that are looked at for their shape: a step whose first ones have none has none. */
const MOST_LOOKS = 16
/** More than the longest object takes: 15 names of 31 bytes, each with a number. */
const ROOM = 1024

/** What was written last; good until the next state is. */
const packed: { readonly bytes: Uint8Array; readonly start: number; end: number } = {
  bytes: Buffer.alloc(ROOM),
  start: 0,
  end: 0,
}

/**
 * Writes states that are plain objects of numbers with the fields of one that was written before, in a
 * fraction of the driver's time: what most of a snapshot is made of.
 *
 * S1. What it writes is what the driver would have written, byte for byte; all else it leaves to it.
 * S2. Names of fields become code only if they are identifiers, and never `__proto__`. Where no code
 *     may be made, the driver writes objects as well.
 */
export class ShapeWriter {
  readonly #writes: Write[] = []
  readonly #known = new Set<string>()
  #looks = 0

  /** A state's bytes, in a buffer that the next one overwrites; `null` if its shape is not known. */
  write(state: object): PackedState | null {
    for (const write of this.#writes) {
      const end = write(state, packed.bytes)
      if (end === 0) continue
      packed.end = end
      return packed
    }
    if (this.#looks < MOST_LOOKS) this.#learn(state)
    return null
  }

  #learn(state: object): void {
    this.#looks += 1
    if (this.#writes.length === MOST_SHAPES || !isPlain(state)) return
    const names = Object.keys(state)
    if (names.length === 0 || names.length > MOST_FIELDS || !names.every(isName)) return
    const id = names.join()
    if (this.#known.has(id)) return
    this.#known.add(id)
    const write = compileWrite(names)
    if (write !== undefined) this.#writes.push(write)
  }
}

const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)
/** Where the byte of a number that comes first lies: the host's order decides. */
const FIRST = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 7 : 0

/** Writes a number, `true`, `false` or `null`, and gives where it ends; 0 for any other value. */
const writeValue = (bytes: Uint8Array, at: number, value: unknown): number => {
  if (typeof value === 'number') return writeNumber(bytes, at, value)
  if (value === null) bytes[at] = 0xc0
  else if (value === false) bytes[at] = 0xc2
  else if (value === true) bytes[at] = 0xc3
  else return 0
  return at + 1
}

const writeNumber = (bytes: Uint8Array, at: number, value: number): number => {
  if (value >>> 0 === value) return writeNatural(bytes, at, value)
  if (value >> 0 === value) return writeNegative(bytes, at, value)
  bytes[at] = 0xcb
  double[0] = value
  for (let index = 0; index < 8; index++) {
    bytes[at + 1 + index] = doubleBytes[index ^ FIRST] as number
  }
  return at + 9
}

const writeNatural = (bytes: Uint8Array, at: number, value: number): number => {
  if (value < 0x80) {
    // The driver has no word for it.
    if (value === 0 && 1 / value < 0) return 0
    bytes[at] = value
    return at + 1
  }
  if (value < 0x100) {
    bytes[at] = 0xcc
    bytes[at + 1] = value
    return at + 2
  }
  return value < 0x10000 ? writeShort(bytes, at, 0xcd, value) : writeLong(bytes, at, 0xce, value)
}

const writeNegative = (bytes: Uint8Array, at: number, value: number): number => {
  if (value >= -0x20) {
    bytes[at] = value
    return at + 1
  }
  if (value >= -0x80) {
    bytes[at] = 0xd0
    bytes[at + 1] = value
    return at + 2
  }
  return value >= -0x8000 ? writeShort(bytes, at, 0xd1, value) : writeLong(bytes, at, 0xd2, value)
}

// biome-ignore lint/complexity/useMaxParams: an object a number would cost as much as the writing.
const writeShort = (bytes: Uint8Array, at: number, head: number, value: number): number => {
  bytes[at] = head
  bytes[at + 1] = value >> 8
  bytes[at + 2] = value
  return at + 3
}

// biome-ignore lint/complexity/useMaxParams: an object a number would cost as much as the writing.
const writeLong = (bytes: Uint8Array, at: number, head: number, value: number): number => {
  bytes[at] = head
  bytes[at + 1] = value >> 24
  bytes[at + 2] = value >> 16
  bytes[at + 3] = value >> 8
  bytes[at + 4] = value
  return at + 5
}

const compileWrite = (names: readonly string[]): Write | undefined => {
  const fields = headsOf(names).map((head, field) => {
    const written = head.map((byte, index) => `bytes[at + ${index}] = ${byte}`).join('; ')
    return `${written}
  at = value(bytes, at + ${head.length}, state.${names[field]})
  if (at === 0) return 0`
  })
  const make = compile<(value: typeof writeValue, names: readonly string[]) => Write>(
    // One field that is not there is found out sooner than all that are, where keys are many.
    `return (value, names) => (state, bytes) => {
  if (state.${names[0]} === undefined) return 0
  if (Object.getPrototypeOf(state) !== Object.prototype) return 0
  let field = 0
  for (const name in state) if (name !== names[field++]) return 0
  if (field !== ${names.length}) return 0
  let at = 0
  ${fields.join('\n  ')}
  return at
}`,
    'row-out',
  )
  return make?.(writeValue, names)
}
