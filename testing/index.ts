export { MemoryStore, type MemoryStoreOptions } from '../lib/recovery/memory.ts'
export type { Draws, InputArbitrary, Made } from './arbitrary.ts'
export { type CheckFlowOptions, checkFlow, FlowCheckError } from './check-flow.ts'
export { CommittedSink } from './committed-sink.ts'
export { describeSink, type SinkWorld } from './describe-sink.ts'
export { describeSource, type SourceWorld } from './describe-source.ts'
export {
  describeTransactionalSink,
  type TransactionalSinkWorld,
} from './describe-transactional-sink.ts'
export { describeWriteAheadSink, type WriteAheadSinkWorld } from './describe-write-ahead-sink.ts'
export type { ClockFaults, DiskFaults, FaultEvent, Faults, NetworkFaults } from './faults.ts'
export { ffwdIter } from './ffwd-iter.ts'
export { type Minimised, type MinimiseOptions, minimise } from './minimise.ts'
export { ProgressError } from './order-watch.ts'
export { pollNextBatch } from './poll-next-batch.ts'
export { clusterMain, runMain } from './run-main.ts'
export {
  type SimulatedExecution,
  type Simulation,
  type SimulationOptions,
  simulate,
} from './simulate.ts'
export type { TestRunner } from './test-runner.ts'
export { TestingSink } from './testing-sink.ts'
export { type Marker, TestingSource, type TestingSourceOptions } from './testing-source.ts'
export { TimeTestingGetter } from './time-testing-getter.ts'
export {
  DeadlockError,
  type RunLimits,
  type VirtualProcess,
  VirtualRuntime,
  type VirtualRuntimeOptions,
} from './virtual-runtime.ts'
