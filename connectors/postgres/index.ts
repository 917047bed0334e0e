export type {
  PostgresChange,
  PostgresChangePlace,
  PostgresDelete,
  PostgresInsert,
  PostgresTruncate,
  PostgresUpdate,
} from './change.ts'
export type { PostgresRow } from './insert.ts'
export type { PostgresPosition } from './keyset.ts'
export {
  type PostgresChangesPosition,
  PostgresChangesSource,
  type PostgresChangesSourceOptions,
} from './postgres-changes-source.ts'
export { PostgresSink, type PostgresSinkOptions } from './postgres-sink.ts'
export { PostgresSource, type PostgresSourceOptions } from './postgres-source.ts'
