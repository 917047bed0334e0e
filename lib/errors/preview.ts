/** How much of an item an error message shows. */
const LONGEST = 80
const DEEPEST = 3
const WIDEST = 8

const SECRET = /pass(word|wd)?|secret|token|authorization|api[-_]?key|credential|cookie/i

/**
 * A short, one-line picture of a value for error messages, without what looks like a secret.
 *
 * Reads no getter and calls no method of the value's own, so that a hostile item cannot answer back.
 */
export const preview = (value: unknown): string => {
  const text = draw(value, 0)
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
}

const draw = (value: unknown, depth: number): string => {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, LONGEST))
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return `[function ${value.name}]`
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (depth === DEEPEST) return Array.isArray(value) ? '[…]' : '{…}'
  return Array.isArray(value) ? drawArray(value, depth) : drawObject(value, depth)
}

const drawArray = (value: readonly unknown[], depth: number): string => {
  const shown = value.slice(0, WIDEST).map((each) => draw(each, depth + 1))
  if (value.length > WIDEST) shown.push('…')
  return `[${shown.join(', ')}]`
}

const drawObject = (value: object, depth: number): string => {
  const name = Object.getPrototypeOf(value)?.constructor?.name
  const keys = Object.keys(value)
  const shown = keys.slice(0, WIDEST).map((key) => {
    const property = Object.getOwnPropertyDescriptor(value, key)
    if (SECRET.test(key)) return `${key}: [redacted]`
    return `${key}: ${property && 'value' in property ? draw(property.value, depth + 1) : '[getter]'}`
  })
  if (keys.length > WIDEST) shown.push('…')
  const body = `{ ${shown.join(', ')} }`
  return name === undefined || name === 'Object' ? body : `${name} ${body}`
}
