import { type AvroSchema, avroType } from './avro-driver.ts'
import type { KafkaSerde } from './serde.ts'

/**
 * Plain Avro, for `deserialize` and `serialize`: bytes of one schema that both sides know, without a
 * word before them.
 *
 * Needs the package `avsc`.
 *
 * @param schema - Avro's JSON, as text or parsed
 * @param options - `named`: schemas of types that it refers to by name
 * @throws BuildError for what is no schema
 *
 * @example
 * ```ts
 * const point = avro<Point>({ type: 'record', name: 'Point', fields: [{ name: 'x', type: 'int' }] })
 * const { oks } = messages.pipe(deserialize('parse', { value: point }))
 * ```
 */
export const avro = <T = unknown>(
  schema: AvroSchema,
  options: { readonly named?: readonly AvroSchema[] } = {},
): KafkaSerde<T> => {
  const type = avroType(schema, options.named)
  return {
    deserialize: (bytes) => type.read(bytes) as T,
    serialize: (value) => type.write(value),
  }
}
