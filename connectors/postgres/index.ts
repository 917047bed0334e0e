export type { PostgresRow } from './insert.ts'
export { PostgresSink, type PostgresSinkOptions } from './postgres-sink.ts'
