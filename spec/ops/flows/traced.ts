// A flow that ends by itself, for workers in threads.
import { type Dataflow, dataflow } from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'

export const flow: Dataflow = dataflow('traced')
flow
  .input(
    'in',
    new TestingSource(
      Array.from({ length: 100 }, (_, n) => n),
      { batchSize: 10 },
    ),
  )
  .pipe(
    keyOn('key', String),
    statefulMap('sum', (sum: number | null, n) => [(sum ?? 0) + n, n] as const),
  )
  .output('out', new TestingSink())
