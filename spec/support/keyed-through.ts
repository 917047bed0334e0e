import type { KeyedStream, Operator, RunOptions, Stream } from 'tidemark'
import { keyed } from 'tidemark/operators'
import { through } from './through.ts'

/** What comes out of a keyed operator where pairs of key and value go in, two a batch. */
export const keyedThrough = <V, W>(
  pairs: Iterable<unknown>,
  operator: Operator<KeyedStream<V>, Stream<W>>,
  options: RunOptions = {},
): Promise<W[]> =>
  through(pairs as Iterable<[string, V]>, (up) => up.pipe(keyed('key'), operator), options)
