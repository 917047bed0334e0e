export {
  AbortExecution,
  BuildError,
  ClusterError,
  ConnectorError,
  CorruptPartitionError,
  FencedError,
  InconsistentPartitionsError,
  LockedPartitionError,
  MissingPartitionsError,
  NoPartitionsError,
  RecoveryError,
  TidemarkError,
} from './errors/errors.ts'
export { StepError, type StepFacts } from './errors/step-error.ts'
export { type BatchAsyncOptions, batchAsync } from './flow/batch-async.ts'
export { batchGetter } from './flow/batch-getter.ts'
export { batchIterable } from './flow/batch-iterable.ts'
export { Dataflow, dataflow } from './flow/dataflow.ts'
export { type FromAsyncIterableOptions, fromAsyncIterable } from './flow/from-async-iterable.ts'
export { type FromIterableOptions, fromIterable } from './flow/from-iterable.ts'
export { scoped, withPolicy } from './flow/operator.ts'
export type {
  CircuitPolicy,
  DeadLetter,
  ErrorPolicy,
  RetryErrors,
  RetryPolicy,
} from './flow/policy.ts'
export type { RunAware, RunFacts } from './flow/run-facts.ts'
export {
  type PolledItem,
  type PollingOptions,
  Retry,
  SimplePollingSource,
} from './flow/simple-polling-source.ts'
export {
  DynamicSink,
  FixedPartitionedSink,
  type Sink,
  type SlotContext,
  StatefulSinkPartition,
  StatelessSinkPartition,
  TransactionalSink,
  TransactionalSinkPartition,
  WriteAheadPartition,
  WriteAheadSink,
} from './flow/sink.ts'
export {
  DynamicSource,
  EOF,
  FixedPartitionedSource,
  type Polled,
  type Source,
  StatefulSourcePartition,
  StatelessSourcePartition,
} from './flow/source.ts'
export { type ItemOf, KeyedStream, type Operator, Stream } from './flow/stream.ts'
export type { Archive, ArchiveModule, ArchivePlace } from './recovery/archive.ts'
export { dirArchive } from './recovery/directory-archive.ts'
export { RecoveryStore } from './recovery/recovery-store.ts'
export {
  Execution,
  type ExecutionEvent,
  type ExecutionMetrics,
  type Summary,
} from './run/execution.ts'
export type { Logger } from './run/logger.ts'
export type { NatsOptions, NatsPlace, NatsTls } from './run/nats-options.ts'
export type { RunOptions } from './run/options.ts'
export { run, start } from './run/run.ts'
export type { Runtime, Timer } from './runtime/runtime.ts'
export { systemRuntime } from './runtime/system.ts'
export { type Emit, StatefulBatchLogic, StatefulLogic } from './state/logic.ts'
export type { DurationLike, TimeLike } from './time/time.ts'
export type { LogFields } from './worker/log-fields.ts'
export type { Tracing } from './worker/tracer.ts'
