export type { RedisConnectionOptions } from './driver.ts'
export { RedisHashSink, type RedisHashSinkOptions } from './redis-hash-sink.ts'
export type { RedisSinkOptions } from './redis-sink.ts'
export type { RedisStreamPosition } from './redis-stream-partition.ts'
export { RedisStreamSink, type RedisStreamSinkOptions } from './redis-stream-sink.ts'
export {
  type RedisEntry,
  RedisStreamSource,
  type RedisStreamSourceOptions,
} from './redis-stream-source.ts'
