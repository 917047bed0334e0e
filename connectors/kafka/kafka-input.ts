import type { Dataflow } from '../../lib/flow/dataflow.ts'
import { branch } from '../../operators/branch.ts'
import type { KafkaOut } from './attempt.ts'
import { KafkaSource, type KafkaSourceOptions } from './kafka-source.ts'
import type { KafkaInputError, KafkaMessage } from './message.ts'

/**
 * Reads topics, and gives what can't be read as a second stream instead of failing.
 *
 * Takes its place in the flow as the step `id` (a source) and `id.errors`; position and delivery are
 * those of {@link KafkaSource}.
 *
 * @param id - the step's id
 * @param flow - the flow
 * @param options - those of {@link KafkaSource}, but for `raiseOnErrors`
 *
 * @example
 * ```ts
 * const { oks, errs } = kafkaInput('orders', flow, { brokers: ['localhost:9092'], topics: ['orders'] })
 * ```
 */
export const kafkaInput = (
  id: string,
  flow: Dataflow,
  options: Omit<KafkaSourceOptions, 'raiseOnErrors'>,
): KafkaOut<KafkaMessage, KafkaInputError> => {
  const source = new KafkaSource<KafkaMessage | KafkaInputError>({
    ...options,
    raiseOnErrors: false,
  })
  const items = flow.input(id, source)
  const { trues, falses } = flow.inside(id, () => items.pipe(branch('errors', isMessage)))
  return { oks: trues, errs: falses }
}

const isMessage = (item: KafkaMessage | KafkaInputError): item is KafkaMessage => 'headers' in item
