/** How much of a state is shown. */
const MOST_VALUES = 20_000
const DEEPEST = 32
const LONGEST = 100_000

/** A state as JSON can hold it. */
export interface Plain {
  readonly value: unknown
  /** Whether something was left out, because there is too much of it. */
  readonly cut: boolean
}

/**
 * Any value as plain data: maps as arrays of pairs, sets as arrays, dates as ISO texts, big integers
 * as digits, bytes as base64, and what knows its own JSON form in that form. Cycles end at a depth.
 */
export const plain = (value: unknown): Plain => {
  const copier = new Copier()
  return { value: copier.copy(value, 0), cut: copier.cut }
}

class Copier {
  cut = false
  #left = MOST_VALUES

  copy(value: unknown, depth: number): unknown {
    this.#left -= 1
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return Number.isFinite(value) ? value : String(value)
      case 'boolean':
        return value
      case 'bigint':
        return this.#text(value.toString())
      case 'object':
        return value === null ? null : this.#object(value, depth)
      default:
        return null
    }
  }

  #text(text: string): string {
    if (text.length <= LONGEST) return text
    this.cut = true
    return text.slice(0, LONGEST)
  }

  #object(value: object, depth: number): unknown {
    if (depth === DEEPEST || this.#left <= 0) {
      this.cut = true
      return null
    }
    if (value instanceof Date) {
      return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
    }
    if (ArrayBuffer.isView(value)) return this.#bytes(value)
    if (Array.isArray(value) || value instanceof Set) return this.#list(value, depth)
    if (value instanceof Map) return this.#list(value, depth)
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      return this.copy(value.toJSON(), depth + 1)
    }
    return this.#fields(value, depth)
  }

  #bytes({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
    return this.#text(Buffer.from(buffer, byteOffset, byteLength).toString('base64'))
  }

  #list(values: Iterable<unknown>, depth: number): unknown[] {
    const list: unknown[] = []
    for (const each of values) {
      if (this.#left <= 0) {
        this.cut = true
        break
      }
      list.push(this.copy(each, depth + 1))
    }
    return list
  }

  #fields(value: object, depth: number): Record<string, unknown> {
    // Without a prototype, `__proto__` is a field like any other.
    const fields: Record<string, unknown> = Object.create(null)
    for (const [name, each] of Object.entries(value)) {
      if (this.#left <= 0) {
        this.cut = true
        break
      }
      fields[name] = this.copy(each, depth + 1)
    }
    return fields
  }
}
