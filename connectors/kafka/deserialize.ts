import type { Operator, Stream } from '../../lib/flow/stream.ts'
import { attempt, type Convert, type KafkaOut } from './attempt.ts'
import type { KafkaMessage, KafkaSerdeError } from './message.ts'
import type { KafkaDeserializer } from './serde.ts'

type Bytes = Buffer | null

/**
 * Makes keys and values of messages out of their bytes.
 *
 * Progress passes through; keeps no state. A key or value that is `null` stays so. A message that
 * can't be read goes to `errs`, whole, with its bytes untouched.
 *
 * @param id - the step's id
 * @param parts - `key`, `value`: what reads them, such as `json()`; without it they stay bytes
 * @throws StepError when what reads them can't be reached, such as a schema registry
 *
 * @example
 * ```ts
 * const { oks, errs } = messages.pipe(deserialize('parse', { value: json<Order>() }))
 * ```
 */
export const deserialize = <K = Buffer, V = Buffer>(
  id: string,
  parts: { readonly key?: KafkaDeserializer<K>; readonly value?: KafkaDeserializer<V> },
): Operator<
  Stream<KafkaMessage>,
  KafkaOut<KafkaMessage<K | null, V | null>, KafkaSerdeError<KafkaMessage>>
> =>
  attempt<KafkaMessage, KafkaMessage<K | null, V | null>>(id, {
    key: reading('key', parts.key),
    value: reading('value', parts.value),
    waits: parts.key?.waits === true || parts.value?.waits === true,
  })

const reading = (
  part: 'key' | 'value',
  deserializer: KafkaDeserializer<unknown> | undefined,
): Convert | null =>
  deserializer === undefined
    ? null
    : (bytes, message) =>
        bytes === null
          ? null
          : deserializer.deserialize(bytesOf(bytes as Bytes), {
              part,
              topic: (message as KafkaMessage).topic,
            })

/** What came from another worker may be plain bytes. */
const bytesOf = (bytes: unknown): Buffer => {
  if (Buffer.isBuffer(bytes)) return bytes
  if (bytes instanceof Uint8Array) {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  throw new TypeError(`it is ${typeof bytes}, not bytes`)
}
