import { BuildError } from '../lib/errors/errors.ts'

/** `T` with the field `K` of type `R`. */
export type WithField<T, K extends string, R> = Omit<T, K> & { readonly [field in K]: R }

/**
 * Makes a callback for `map` that replaces one field.
 *
 * The item itself is left as it is: a new plain object with its own fields takes its place.
 *
 * @param name - the field's name
 * @param f - called with the field's value; returns the new one
 * @throws BuildError for the name `__proto__`; TypeError, when called, for an item without the field
 *
 * @example
 * ```ts
 * orders.pipe(map('cents', mapField('price', (price) => Math.round(price * 100))))
 * ```
 */
export function mapField<T, K extends keyof T & string, R>(
  name: K,
  f: (value: T[K]) => R,
): (item: T) => WithField<T, K, R>
export function mapField<K extends string, V, R>(
  name: K,
  f: (value: V) => R,
): <T extends { readonly [field in K]: V }>(item: T) => WithField<T, K, R>
export function mapField(name: string, f: (value: unknown) => unknown): (item: object) => object {
  if (typeof name !== 'string' || name === '__proto__') {
    throw new BuildError(`mapField replaces a field by its name, and ${String(name)} can't be one.`)
  }
  return (item) => {
    if (typeof item !== 'object' || item === null || !Object.hasOwn(item, name)) {
      throw new TypeError(`the item has no field ${JSON.stringify(name)}`)
    }
    return { ...item, [name]: f((item as Record<string, unknown>)[name]) }
  }
}
