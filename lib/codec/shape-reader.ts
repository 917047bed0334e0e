import { compile } from '../runtime/compile.ts'
import { headsOf, isName, isPlain, MOST_FIELDS } from './shape.ts'

/** What `read` gives where the bytes have no shape that is known here. */
export const MISS: unique symbol = Symbol('miss')

/** Reads one object, from behind its head on; where it ends stands in `at`. */
type Read = (bytes: Uint8Array, start: number) => object | typeof MISS

/** Shapes of one step; a state of another one is read by the driver. */
const MOST_SHAPES = 4

/** Where the value that was read last ends; a plain variable, since a row has many. */
let at = 0

/**
 * Reads states that are numbers, short lists of numbers, or plain objects of numbers with the fields
 * of one that was read before: most states, in a tenth of the driver's time.
 *
 * S1. What it reads is what the driver would have read; of anything else it says that it missed.
 * S2. Names of fields become code only if they are identifiers, and never `__proto__`. Where no code
 *     may be made, the driver reads objects as well.
 */
export class ShapeReader {
  readonly #reads: Read[] = []
  readonly #known = new Set<string>()

  /** The state that fills `bytes` from `start` to `end`, or `MISS`. */
  read(bytes: Uint8Array, start: number, end: number): unknown {
    const head = bytes[start] as number
    if (head < 0x80 || head >= 0xa0) {
      const value = readValue(bytes, start)
      return at === end ? value : MISS
    }
    if (head >= 0x90) return readList(bytes, start, end)
    for (const read of this.#reads) {
      const value = read(bytes, start)
      if (value !== MISS && at === end) return value
    }
    return MISS
  }

  /** Takes note of a state that was missed, for those like it. */
  learn(state: unknown): void {
    if (this.#reads.length === MOST_SHAPES || !isPlain(state)) return
    const names = Object.keys(state)
    if (names.length === 0 || names.length > MOST_FIELDS || !names.every(isName)) return
    const id = names.join()
    if (this.#known.has(id)) return
    this.#known.add(id)
    const read = compileRead(names)
    if (read !== undefined) this.#reads.push(read)
  }
}

const swapped = new Uint8Array(8)
const double = new Float64Array(swapped.buffer)
/** Where the byte of a number that comes first goes: the host's order decides. */
const FIRST = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 7 : 0

/** A number, `true`, `false` or `null`; behind the end of the bytes there is none. */
const readValue = (bytes: Uint8Array, start: number): unknown => {
  const token = bytes[start] as number
  at = start + 1
  if (token < 0x80) return token
  if (token >= 0xe0) return token - 0x100
  switch (token) {
    case 0xc0:
      return null
    case 0xc2:
      return false
    case 0xc3:
      return true
    case 0xcb:
      at = start + 9
      for (let index = 0; index < 8; index++) {
        swapped[index ^ FIRST] = bytes[start + 1 + index] as number
      }
      return double[0]
    case 0xcc:
      at = start + 2
      return bytes[start + 1]
    case 0xcd:
      at = start + 3
      return ((bytes[start + 1] as number) << 8) | (bytes[start + 2] as number)
    case 0xce:
      at = start + 5
      return readInt32(bytes, start + 1) >>> 0
    case 0xd0:
      at = start + 2
      return ((bytes[start + 1] as number) << 24) >> 24
    case 0xd1:
      at = start + 3
      return (((bytes[start + 1] as number) << 24) >> 16) | (bytes[start + 2] as number)
    case 0xd2:
      at = start + 5
      return readInt32(bytes, start + 1)
    default:
      at = -1
      return MISS
  }
}

const readInt32 = (bytes: Uint8Array, start: number): number =>
  ((bytes[start] as number) << 24) |
  ((bytes[start + 1] as number) << 16) |
  ((bytes[start + 2] as number) << 8) |
  (bytes[start + 3] as number)

const readList = (bytes: Uint8Array, start: number, end: number): unknown => {
  const length = (bytes[start] as number) - 0x90
  const list: unknown[] = []
  at = start + 1
  for (let index = 0; index < length; index++) {
    const value = readValue(bytes, at)
    if (value === MISS) return MISS
    list.push(value)
  }
  return at === end ? list : MISS
}

const compileRead = (names: readonly string[]): Read | undefined => {
  const fields = headsOf(names).map((head, field) => {
    const differs = head.map((byte, index) => `bytes[at + ${index}] !== ${byte}`).join(' || ')
    return `if (${differs}) return MISS
  const v${field} = value(bytes, at + ${head.length})
  if (v${field} === MISS) return MISS
  at = place()`
  })
  const object = names.map((name, field) => `${name}: v${field}`).join(', ')
  const make = compile<(value: typeof readValue, place: () => number, miss: typeof MISS) => Read>(
    `return (value, place, MISS) => (bytes, start) => {
  let at = start
  ${fields.join('\n  ')}
  return { ${object} }
}`,
    'row',
  )
  return make?.(readValue, () => at, MISS)
}
