/** What a mapper of `enrichCached` looks things up in. */
export interface EnrichCache<K, V> {
  /** What the getter gave for the key; asks it again when that is older than the `ttl`. */
  get(key: K): V
  /** Forgets a key, so that the getter is asked again; whether there was one. */
  remove(key: K): boolean
}

/** What was looked up, and when. */
interface Found<V> {
  readonly value: V
  readonly since: number
  /** Asked for since it was last spared. */
  used: boolean
}

/**
 * Values that were looked up, on one worker, up to a number of keys.
 *
 * When it is full, the oldest key that has not been asked for of late makes room (second chance), so
 * a hit costs no more than one look into the map.
 */
export class BoundedCache<K, V> implements EnrichCache<K, V> {
  /** Wall-clock time, epoch milliseconds, that ages are told by. */
  now = 0
  readonly #found = new Map<K, Found<V>>()
  readonly #getter: (key: K) => V
  readonly #ttl: number
  readonly #maxSize: number

  constructor(getter: (key: K) => V, options: { readonly ttl: number; readonly maxSize: number }) {
    this.#getter = getter
    this.#ttl = options.ttl
    this.#maxSize = options.maxSize
  }

  get(key: K): V {
    const found = this.#found.get(key)
    if (found !== undefined && this.now - found.since <= this.#ttl) {
      found.used = true
      return found.value
    }
    return this.#fetch(key)
  }

  remove(key: K): boolean {
    return this.#found.delete(key)
  }

  #fetch(key: K): V {
    this.#found.delete(key)
    const value = this.#getter(key)
    if (this.#found.size >= this.#maxSize) this.#evict()
    const found = { value, since: this.now, used: false }
    this.#found.set(key, found)
    // A failed look-up is not kept: the next item asks again.
    if (value instanceof Promise) {
      value.catch(() => {
        if (this.#found.get(key) === found) this.#found.delete(key)
      })
    }
    return value
  }

  #evict(): void {
    for (const [key, found] of this.#found) {
      this.#found.delete(key)
      if (!found.used) return
      found.used = false
      this.#found.set(key, found)
    }
  }
}
