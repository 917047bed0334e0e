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
  if (Array.isArray(value)) return value.map(plainCopy)
  if (value instanceof Map) {
    return new Map(Array.from(value, ([key, item]) => [plainCopy(key), plainCopy(item)]))
  }
  if (value instanceof Set) return new Set(Array.from(value, plainCopy))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return copyFields(value, prototype)
}

const copyFields = (value: object, prototype: object | null): object => {
  const copy = Object.create(prototype) as object
  for (const [name, field] of Object.entries(value)) {
    // Defined, not assigned: a field that is called `__proto__` stays a field.
    Object.defineProperty(copy, name, {
      value: plainCopy(field),
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return copy
}
