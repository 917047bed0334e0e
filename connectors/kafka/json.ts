import { ConnectorError } from '../../lib/errors/errors.ts'
import type { KafkaSerde } from './serde.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * JSON in UTF-8, for `deserialize` and `serialize`.
 *
 * The type is a claim about what others wrote: check it where that matters. Properties named
 * `__proto__` are left out.
 *
 * @example
 * ```ts
 * const { oks, errs } = messages.pipe(deserialize('parse', { value: json<Order>() }))
 * ```
 */
export const json = <T = unknown>(): KafkaSerde<T> => ({
  deserialize: (bytes) => parse<T>(decoder.decode(bytes)),
  serialize: (value) => {
    const text: string | undefined = JSON.stringify(value)
    if (text === undefined) throw new ConnectorError(`There is no JSON for ${typeof value}.`)
    return Buffer.from(text)
  },
})

/** The name may be written with escapes. */
const parse = <T>(text: string): T =>
  text.includes('__proto__') || text.includes('\\u')
    ? JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value))
    : JSON.parse(text)
