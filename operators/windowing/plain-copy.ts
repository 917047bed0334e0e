/**
 * A copy of plain data: arrays, plain objects, maps and sets, however deep.
 *
 * Everything else (primitives, dates, instances of classes) is taken as it is: those are values by
 * custom, and only their class knows how to copy them.
 */
export const plainCopy = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null) return value
  return copyObject(value) as T
}

const copyObject = (value: object): object => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) return copyFields({ ...value })
  if (Array.isArray(value)) return copyItems(value.slice())
  if (value instanceof Map) {
    return new Map(Array.from(value, ([key, item]) => [plainCopy(key), plainCopy(item)]))
  }
  if (value instanceof Set) return new Set(Array.from(value, plainCopy))
  return prototype === null ? copyFields(Object.assign(Object.create(null), value)) : value
}

const copyItems = (items: unknown[]): unknown[] => {
  for (let at = 0; at < items.length; at++) {
    const item = items[at]
    if (typeof item === 'object' && item !== null) items[at] = copyObject(item)
  }
  return items
}

/** Copies what the fields of a copy still share with the original. */
const copyFields = (copy: Record<string, unknown>): object => {
  for (const name in copy) {
    const field = copy[name]
    if (typeof field !== 'object' || field === null) continue
    // Defined, not assigned: a field that is called `__proto__` stays a field.
    if (name === '__proto__') Object.defineProperty(copy, name, { value: copyObject(field) })
    else copy[name] = copyObject(field)
  }
  return copy
}
