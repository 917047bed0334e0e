import type { Stream } from '../../lib/flow/stream.ts'
import { attempt, type Convert, type KafkaOut } from './attempt.ts'
import type { KafkaSerdeError, KafkaSinkMessage } from './message.ts'
import type { KafkaSerializer } from './serde.ts'

/** A message whose key and value are bytes by now. */
export type Serialized<M> = Omit<M, 'key' | 'value'> & {
  readonly key?: Buffer | string | null
  readonly value: Buffer | string | null
}

/**
 * Makes bytes of the keys and values of messages, for `KafkaSink`.
 *
 * Progress passes through; keeps no state. A key or value that is `null` stays so. A message of which
 * no bytes can be made goes to `errs`, whole.
 *
 * @param id - the step's id
 * @param parts - `key`, `value`: what writes them, such as `json()`; without it they stay as they are
 * @throws StepError when what writes them can't be reached, such as a schema registry
 *
 * @example
 * ```ts
 * const { oks } = counts.pipe(
 *   map('message', ([word, n]) => ({ key: word, value: { n } })),
 *   serialize('bytes', { value: json<{ n: number }>() }),
 * )
 * oks.output('out', new KafkaSink({ brokers, topic: 'counts' }))
 * ```
 */
export const serialize =
  <K = Buffer | string, V = Buffer | string>(
    id: string,
    parts: { readonly key?: KafkaSerializer<K>; readonly value?: KafkaSerializer<V> },
  ): (<M extends KafkaSinkMessage<K | null, V | null>>(
    up: Stream<M>,
  ) => KafkaOut<Serialized<M>, KafkaSerdeError<M>>) =>
  <M>(up: Stream<M>) =>
    attempt<M, Serialized<M>>(id, {
      key: writing('key', parts.key),
      value: writing('value', parts.value),
      waits: parts.key?.waits === true || parts.value?.waits === true,
    })(up)

const writing = (
  part: 'key' | 'value',
  serializer: KafkaSerializer<never> | undefined,
): Convert | null =>
  serializer === undefined
    ? null
    : (value, message) =>
        value === null || value === undefined
          ? null
          : serializer.serialize(value as never, { part, topic: topicOf(message) })

/** A message that was read does not go back where it came from. */
const topicOf = (message: unknown): string | undefined => {
  const { topic, offset } = message as { readonly topic?: string; readonly offset?: bigint }
  return offset === undefined ? topic : undefined
}
