export { StdInSource, type StdInSourceOptions } from './std-in-source.ts'
export { StdOutSink, type StdOutSinkOptions } from './std-out-sink.ts'
