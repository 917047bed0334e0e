import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { type AvroSchema, type AvroType, avroType } from './avro-driver.ts'
import { type RegistryOptions, SchemaRegistry } from './schema-registry.ts'
import type { KafkaSerde, SerdeContext } from './serde.ts'

export interface RegistryAvroOptions extends RegistryOptions {
  /** What is written, and the form into which what was written by other schemas is brought. */
  readonly schema?: AvroSchema
  /** Under which the schema is registered. @defaultValue `<topic>-key` or `<topic>-value` */
  readonly subject?: string
  /** Whether a schema that the registry does not have yet is registered. @defaultValue true */
  readonly register?: boolean
}

/** Before the bytes: a zero, and the schema's id in four bytes. */
const MAGIC = 0
const PREFIX = 5

/**
 * Avro in the framing of Confluent's schema registry, for `deserialize` and `serialize`: a zero byte,
 * the schema's id in four, then the value.
 *
 * Schemas are asked for once and kept. A registry that is away is asked again for `patience`, then
 * the run fails; a message whose schema it does not know is an error of the message. Needs the
 * package `avsc`.
 *
 * @throws BuildError for options that can't work or what is no schema
 *
 * @example
 * ```ts
 * const { oks } = messages.pipe(deserialize('parse', { value: registryAvro({ url: 'http://localhost:8081' }) }))
 * ```
 */
export const registryAvro = <T = unknown>(options: RegistryAvroOptions): KafkaSerde<T> =>
  new RegistryAvro<T>(options)

class RegistryAvro<T> implements KafkaSerde<T> {
  readonly waits = true
  readonly #options: RegistryAvroOptions
  readonly #registry: SchemaRegistry
  readonly #own: AvroType | null
  readonly #readers = new WeakMap<AvroType, (bytes: Buffer) => unknown>()

  constructor(options: RegistryAvroOptions) {
    if (options.subject === '') throw new BuildError('subject must not be empty.')
    this.#options = options
    this.#registry = new SchemaRegistry(options)
    this.#own = options.schema === undefined ? null : avroType(options.schema)
  }

  async deserialize(bytes: Buffer): Promise<T> {
    if (bytes.length < PREFIX || bytes[0] !== MAGIC) {
      throw new TypeError("it does not begin with a zero byte and a schema's id")
    }
    const writer = await this.#registry.typeOf(bytes.readInt32BE(1))
    return this.#readerOf(writer)(bytes.subarray(PREFIX)) as T
  }

  async serialize(value: T, context: SerdeContext): Promise<Buffer> {
    if (this.#own === null) {
      throw new ConnectorError('registryAvro needs a `schema` to write with.')
    }
    const { register = true } = this.#options
    const bytes = this.#own.write(value)
    const id = await this.#registry.idOf(this.#subjectOf(context), this.#own.text, register)
    const prefix = Buffer.alloc(PREFIX)
    prefix.writeInt32BE(id, 1)
    return Buffer.concat([prefix, bytes])
  }

  #readerOf(writer: AvroType): (bytes: Buffer) => unknown {
    const own = this.#own
    if (own === null) return (bytes) => writer.read(bytes)
    const known = this.#readers.get(writer)
    if (known !== undefined) return known
    const reader = own.reads(writer)
    this.#readers.set(writer, reader)
    return reader
  }

  #subjectOf({ topic, part }: SerdeContext): string {
    const { subject } = this.#options
    if (subject !== undefined) return subject
    if (topic !== undefined) return `${topic}-${part}`
    throw new ConnectorError(
      'registryAvro needs a `subject` for messages that leave their topic to the sink.',
    )
  }
}
