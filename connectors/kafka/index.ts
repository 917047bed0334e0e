export type { KafkaOut } from './attempt.ts'
export { avro } from './avro.ts'
export type { AvroSchema } from './avro-driver.ts'
export type {
  KafkaClientOptions,
  KafkaConnectionOptions,
  KafkaSasl,
  KafkaTls,
} from './client-options.ts'
export type { Compression } from './compression.ts'
export { deserialize } from './deserialize.ts'
export { json } from './json.ts'
export { KafkaError } from './kafka-error.ts'
export { kafkaInput } from './kafka-input.ts'
export type { KafkaPosition } from './kafka-partition.ts'
export { KafkaSink } from './kafka-sink.ts'
export { KafkaSource, type KafkaSourceOptions } from './kafka-source.ts'
export type {
  KafkaInputError,
  KafkaMessage,
  KafkaSerdeError,
  KafkaSinkMessage,
} from './message.ts'
export { type RegistryAvroOptions, registryAvro } from './registry-avro.ts'
export type { RegistryOptions } from './schema-registry.ts'
export type { KafkaDeserializer, KafkaSerde, KafkaSerializer, SerdeContext } from './serde.ts'
export { type Serialized, serialize } from './serialize.ts'
export type { KafkaItem, KafkaSinkOptions } from './sink-options.ts'
