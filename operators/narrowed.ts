import type { KeyedStream, Stream } from '../lib/flow/stream.ts'

/** A stream of the same kind as `U` whose items are only those of type `S`. */
export type Narrowed<U, S> =
  U extends KeyedStream<unknown>
    ? S extends readonly [string, infer V]
      ? KeyedStream<V>
      : never
    : Stream<S>
