export type { PostgresRow } from './insert.ts'
export type { PostgresPosition } from './keyset.ts'
export { PostgresSink, type PostgresSinkOptions } from './postgres-sink.ts'
export { PostgresSource, type PostgresSourceOptions } from './postgres-source.ts'
