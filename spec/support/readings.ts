import { type Dataflow, dataflow, type KeyedStream, run, type Stream } from 'tidemark'
import { keyOn, map } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'

export interface Reading {
  readonly user: string
  readonly at: number
  readonly n: number
}

const readings: readonly Reading[] = [
  { user: 'a', at: 0, n: 1 },
  { user: 'b', at: 1000, n: 2 },
  { user: 'a', at: 11_000, n: 3 },
]

interface World {
  readonly flow: Dataflow
  readonly up: Stream<Reading>
  readonly byUser: KeyedStream<Reading>
  /** Keeps what a stream gives. */
  readonly show: (stream: Stream<unknown>) => void
  /** Runs the flow; what each stream gave, in the order shown. */
  readonly given: (epochInterval?: number) => Promise<unknown[][]>
}

/** A flow over the readings, and what its streams have given when it has run. */
export const world = (): World => {
  const flow = dataflow('contract')
  const sinks: TestingSink<unknown>[] = []
  const up = flow.input('in', new TestingSource(readings))
  return {
    flow,
    up,
    byUser: up.pipe(keyOn('user', ({ user }) => user)),
    show: (stream: Stream<unknown>) => {
      const sink = new TestingSink<unknown>()
      stream.pipe(map(`bare${sinks.length}`, (item) => item)).output(`out${sinks.length}`, sink)
      sinks.push(sink)
    },
    given: async (epochInterval = 10_000): Promise<unknown[][]> => {
      await run(flow, { epochInterval })
      return sinks.map(({ items }) => items)
    },
  }
}
