/** How much of a value is looked at; what lies beyond is supposed to be like it. */
const DEEPEST = 4
const WIDEST = 8
/** Bytes of what has no parts, of a reference, and of an object's own head. */
const PLAIN = 8
const REFERENCE = 8
const HEAD = 16

/**
 * About how many bytes of memory a value takes, by a short look: within twice and half of it for plain
 * data whose parts are alike.
 *
 * Reads no getter and calls no method of the value's own, as `preview` does.
 */
export const roughBytes = (value: unknown): number => sized(value, 0)

const sized = (value: unknown, depth: number): number => {
  // One byte a sign is what most text takes.
  if (typeof value === 'string') return HEAD + value.length
  if (typeof value !== 'object' || value === null) return PLAIN
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return HEAD + value.byteLength
  if (depth === DEEPEST) return HEAD
  if (Array.isArray(value)) return HEAD + many(value, value.length, depth)
  if (value instanceof Map) return HEAD + many(firstOf(value), value.size, depth)
  if (value instanceof Set) return HEAD + many(firstOf(value), value.size, depth)
  const names = Object.keys(value)
  const parts = names.slice(0, WIDEST).map((name) => {
    const property = Object.getOwnPropertyDescriptor(value, name)
    return property !== undefined && 'value' in property ? property.value : null
  })
  return HEAD + many(parts, names.length, depth)
}

/** What `count` parts take that are like the first few. */
const many = (parts: readonly unknown[], count: number, depth: number): number => {
  const looked = Math.min(parts.length, WIDEST)
  if (looked === 0) return 0
  let bytes = 0
  for (let at = 0; at < looked; at += 1) bytes += REFERENCE + sized(parts[at], depth + 1)
  return (bytes / looked) * count
}

/** By the iterator of the platform, whatever the object has in its place. */
const firstOf = (collection: Map<unknown, unknown> | Set<unknown>): readonly unknown[] => {
  const entries: Iterator<unknown> =
    collection instanceof Map
      ? Map.prototype.entries.call(collection)
      : Set.prototype.values.call(collection)
  const first: unknown[] = []
  for (let next = entries.next(); next.done !== true; next = entries.next()) {
    first.push(next.value)
    if (first.length === WIDEST) break
  }
  return first
}
