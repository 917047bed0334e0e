export type { CsvRecord } from './csv-partition.ts'
export type { CsvFormat } from './csv-rows.ts'
export { CSVSource, type CSVSourceOptions } from './csv-source.ts'
export { DirSink, type DirSinkOptions } from './dir-sink.ts'
export { DirSource, type DirSourceOptions } from './dir-source.ts'
export { FileDeadLetter, type FileDeadLetterOptions } from './file-dead-letter.ts'
export { FileSink, type FileSinkOptions } from './file-sink.ts'
export { type FilePosition, FileSource, type FileSourceOptions } from './file-source.ts'
export type { FollowPosition } from './follow-partition.ts'
export type { ReadOptions } from './read-options.ts'
export type { StagedFilePosition } from './staged-file.ts'
export {
  TransactionalFileSink,
  type TransactionalFileSinkOptions,
} from './transactional-file-sink.ts'
