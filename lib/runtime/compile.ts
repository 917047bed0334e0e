let serial = 0

/** What was compiled, the longest unused first. */
const kept = new Map<string, unknown>()
/** Enough for the steps of a few large flows. */
const MOST_KEPT = 512

/**
 * Compiles a function body to its value, or `undefined` where that is forbidden.
 *
 * The same text under the same name is compiled once, so that a flow that is run again finds its
 * loops warm.
 */
export const compile = <F>(body: string, name: string): F | undefined => {
  const key = `${name}\n${body}`
  const known = kept.get(key)
  if (known !== undefined) {
    kept.delete(key)
    kept.set(key, known)
    return known as F
  }
  serial += 1
  // Loaders that keep function names wrap literals in `__name`; a copied text must find it.
  const text = `'use strict'\nconst __name = (f) => f\n${body}\n//# sourceURL=tidemark-${serial}-${name.replace(/[^\w.-]/g, '_')}.js`
  try {
    const made = new Function(text)() as F
    kept.set(key, made)
    for (const oldest of kept.keys()) {
      if (kept.size <= MOST_KEPT) break
      kept.delete(oldest)
    }
    return made
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}
