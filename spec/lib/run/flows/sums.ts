import { dataflow, fromIterable } from 'tidemark'
import { FileSink } from 'tidemark/connectors/files'
import { keyOn, mapValue, statefulMap } from 'tidemark/operators'

/** Running sums by key, a line each, into the file that is named. */
export const sums = (path: string) => {
  const flow = dataflow('sums')
  flow
    .input('in', fromIterable(Array.from({ length: 10_000 }, (_, n) => n)))
    .pipe(
      keyOn('key', (n) => `k${n % 50}`),
      statefulMap('sum', (sum: number | null, n) => [(sum ?? 0) + n, (sum ?? 0) + n]),
      mapValue('line', (sum) => String(sum)),
    )
    .output('out', new FileSink(path))
  return flow
}
