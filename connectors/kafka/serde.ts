/** Where a key or value belongs. */
export interface SerdeContext {
  readonly part: 'key' | 'value'
  /** Of the message; of one that leaves it to the sink, none. */
  readonly topic: string | undefined
}

/** Makes something of the bytes of a key or value. */
export interface KafkaDeserializer<T> {
  /** Whether a promise may come. */
  readonly waits?: boolean
  /** @throws anything, when the bytes are not what they should be */
  deserialize(bytes: Buffer, context: SerdeContext): T | Promise<T>
}

/** Makes the bytes of a key or value. */
export interface KafkaSerializer<T> {
  /** Whether a promise may come. */
  readonly waits?: boolean
  /** @throws anything, when the value has no bytes in this form */
  serialize(value: T, context: SerdeContext): Buffer | Promise<Buffer>
}

/** Both ways. */
export interface KafkaSerde<T> extends KafkaDeserializer<T>, KafkaSerializer<T> {}
