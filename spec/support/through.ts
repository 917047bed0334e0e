import { dataflow, type Operator, type RunOptions, run, StepError, type Stream } from 'tidemark'
import { TestingSink, TestingSource } from 'tidemark/testing'

/** What comes out of an operator where `items` go in, two a batch. */
export const through = async <T, R>(
  items: Iterable<T>,
  operator: Operator<Stream<T>, Stream<R>>,
  options: RunOptions = {},
): Promise<R[]> => {
  const flow = dataflow('test')
  const sink = new TestingSink<R>()
  flow
    .input('in', new TestingSource(items, { batchSize: 2 }))
    .pipe(operator)
    .output('out', sink)
  await run(flow, options)
  return sink.items
}

/** The error of user code that a run ends with. */
export const failure = async (work: Promise<unknown>): Promise<StepError> => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof StepError) return error
  throw new Error('the run did not end with a StepError', { cause: error })
}

/** A value as a caller without types may hand it over. */
export const untyped = (value: unknown): never => value as never

/** Pairs that all have one key. */
export const all = <T>(items: readonly T[]): [string, T][] => items.map((item) => ['ALL', item])

export const isOdd = (n: number): boolean => n % 2 === 1
export const evenMore = (n: number): number | null => (n % 2 === 0 ? null : n + 1)
