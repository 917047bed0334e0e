import { createRequire } from 'node:module'
import type { Schema, Type } from 'avsc'
import { BuildError } from '../../lib/errors/errors.ts'

/** A schema: Avro's JSON, as text or parsed. */
export type AvroSchema = string | Readonly<Record<string, unknown>> | readonly unknown[]

/** A schema that values can be read and written with. */
export interface AvroType {
  /** Values by another schema's bytes, where Avro can bring them into this one's form. */
  reads(writer: AvroType): (bytes: Buffer) => unknown
  read(bytes: Buffer): unknown
  write(value: unknown): Buffer
  readonly text: string
}

/**
 * Compiles a schema.
 *
 * @param schema - the schema
 * @param named - schemas of types that it refers to by name, those referred to first
 * @throws BuildError for what is no schema
 */
export const avroType = (schema: AvroSchema, named: readonly AvroSchema[] = []): AvroType => {
  const { Type } = loadDriver()
  const registry: Record<string, Type> = Object.create(null)
  try {
    for (const each of named) Type.forSchema(parsed(each), { registry })
    const type = Type.forSchema(parsed(schema), { registry })
    return new CompiledType(type, typeof schema === 'string' ? schema : JSON.stringify(schema))
  } catch (cause) {
    throw new BuildError(
      `An Avro schema can't be used: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    )
  }
}

class CompiledType implements AvroType {
  readonly text: string
  readonly #type: Type

  constructor(type: Type, text: string) {
    this.#type = type
    this.text = text
  }

  reads(writer: AvroType): (bytes: Buffer) => unknown {
    if (!(writer instanceof CompiledType)) throw new BuildError('An Avro type is not ours.')
    const resolver = this.#type.createResolver(writer.#type)
    return (bytes) => this.#type.fromBuffer(bytes, resolver)
  }

  read(bytes: Buffer): unknown {
    return this.#type.fromBuffer(bytes)
  }

  write(value: unknown): Buffer {
    const wrong: string[] = []
    const isValid = this.#type.isValid(value, {
      errorHook: (path) => wrong.push(path.join('.') || 'the value itself'),
    })
    if (!isValid) throw new TypeError(`not of the schema: ${wrong.slice(0, 5).join(', ')}`)
    return this.#type.toBuffer(value)
  }
}

const parsed = (schema: AvroSchema): Schema =>
  (typeof schema === 'string' && /^\s*[[{"]/.test(schema) ? JSON.parse(schema) : schema) as Schema

/** Loaded at once, so that what is wrong with a schema is told while the flow is built. */
const loadDriver = (): typeof import('avsc') => {
  try {
    return createRequire(import.meta.url)('avsc')
  } catch (cause) {
    throw new BuildError('Avro needs the package "avsc": npm install avsc.', { cause })
  }
}
