import { ConnectorError } from '../../lib/errors/errors.ts'

/** Error codes of Kafka's protocol that something is done about. */
export const CODE = {
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  messageTooLarge: 10,
  recordListTooLarge: 18,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  topicAlreadyExists: 36,
  invalidReplicationFactor: 38,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  invalidTransactionState: 48,
  invalidProducerIdMapping: 49,
  concurrentTransactions: 51,
  unknownProducerId: 59,
  producerFenced: 90,
  transactionalIdNotFound: 105,
} as const

/**
 * After these it may help to try again: leaders and coordinators that move or are still loading,
 * replicas that are away, requests that ran out of time.
 */
const PASSING: ReadonlySet<number> = new Set([
  2, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 27, 41, 51, 56, 60, 74, 75, 76, 78, 84, 88, 89, 100,
  103,
])

/** Kafka refused something, or could not be asked. */
export class KafkaError extends ConnectorError {
  override readonly code: string = 'TIDEMARK_KAFKA'
  /** The error code of Kafka's protocol; `null` where no broker has answered. */
  readonly kafkaCode: number | null

  constructor(
    message: string,
    options: ErrorOptions & {
      readonly kafkaCode?: number | null
      readonly retryable?: boolean
    } = {},
  ) {
    const { kafkaCode = null } = options
    super(message, {
      retryable: kafkaCode !== null && PASSING.has(kafkaCode),
      ...options,
    })
    this.kafkaCode = kafkaCode
  }
}

/** Whether an error is Kafka's with one of these codes. */
export const hasCode = (error: unknown, ...codes: readonly number[]): boolean =>
  error instanceof KafkaError && error.kafkaCode !== null && codes.includes(error.kafkaCode)

export const isPassing = (error: unknown): boolean =>
  error instanceof ConnectorError && error.retryable
