import { ConnectorError } from '../../lib/errors/errors.ts'
import { scoped } from '../../lib/flow/operator.ts'
import type { Operator, Stream } from '../../lib/flow/stream.ts'
import { branch } from '../../operators/branch.ts'
import { map } from '../../operators/map.ts'
import { mapAsync } from '../../operators/map-async.ts'
import type { KafkaSerdeError } from './message.ts'

/** Messages that are on their way to a schema registry and back, on each worker. */
const CONCURRENCY = 64

/** What came of each message: what went well, and what did not with the message as it was. */
export interface KafkaOut<T, E> {
  readonly oks: Stream<T>
  readonly errs: Stream<E>
}

/** Makes the key or value of a message; `null` stays `null`. */
export type Convert = (part: unknown, message: unknown) => unknown

interface Parts {
  readonly key: Convert | null
  readonly value: Convert | null
  /** Whether one of them may give a promise. */
  readonly waits: boolean
}

type Message = Readonly<Record<'key' | 'value', unknown>>

/** Puts the messages whose key and value can be converted on one stream, the others on another. */
export const attempt = <M, R>(
  id: string,
  parts: Parts,
): Operator<Stream<M>, KafkaOut<R, KafkaSerdeError<M>>> => {
  const convert = parts.waits ? later(parts) : now(parts)
  return scoped(id, (up: Stream<unknown>) => {
    const tried: Stream<unknown> = parts.waits
      ? up.pipe(mapAsync('convert', (message) => convert(message), { concurrency: CONCURRENCY }))
      : up.pipe(map('convert', (message) => convert(message)))
    const { trues, falses } = tried.pipe(branch('ok', (result) => !(result instanceof Failed)))
    return {
      oks: trues as Stream<R>,
      errs: falses.pipe(map('error', (failed) => (failed as Failed).told)) as Stream<
        KafkaSerdeError<M>
      >,
    }
  }) as Operator<Stream<M>, KafkaOut<R, KafkaSerdeError<M>>>
}

/** Never leaves its worker: the steps that tell it from a message run as one with it. */
class Failed {
  readonly told: KafkaSerdeError<unknown>

  constructor(part: 'key' | 'value', cause: unknown, message: unknown) {
    this.told = { part, error: cause instanceof Error ? cause.message : String(cause), message }
  }
}

const now =
  ({ key, value }: Parts) =>
  (message: unknown): unknown => {
    let part: 'key' | 'value' = 'key'
    const from = message as Message
    try {
      const newKey = key === null ? from.key : key(from.key, message)
      part = 'value'
      const newValue = value === null ? from.value : value(from.value, message)
      return { ...from, key: newKey, value: newValue }
    } catch (error) {
      return failed(part, error, message)
    }
  }

const later =
  ({ key, value }: Parts) =>
  async (message: unknown): Promise<unknown> => {
    let part: 'key' | 'value' = 'key'
    const from = message as Message
    try {
      const newKey = key === null ? from.key : await key(from.key, message)
      part = 'value'
      const newValue = value === null ? from.value : await value(from.value, message)
      return { ...from, key: newKey, value: newValue }
    } catch (error) {
      return failed(part, error, message)
    }
  }

/** A system that is away is not the message's fault. */
const failed = (part: 'key' | 'value', error: unknown, message: unknown): Failed => {
  if (error instanceof ConnectorError) throw error
  return new Failed(part, error, message)
}
