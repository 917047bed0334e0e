import { dataflow, type RunOptions, run, type Summary } from 'tidemark'
import { type MapAsyncOptions, mapAsync } from 'tidemark/operators'
import { TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'

/** A world in which calls take as long as they say, and nobody waits. */
export class World {
  readonly runtime: VirtualRuntime
  readonly sink = new TestingSink<number>()
  readonly began: number[] = []
  pending = 0
  most = 0

  constructor(seed = 1) {
    this.runtime = new VirtualRuntime({ seed })
  }

  /** Resolves with ten times the item, after so many milliseconds. */
  readonly call =
    (takes: (item: number) => number) =>
    (item: number): Promise<number> => {
      this.began.push(item)
      this.pending += 1
      this.most = Math.max(this.most, this.pending)
      return this.wait(takes(item)).then(() => {
        this.pending -= 1
        return item * 10
      })
    }

  wait(millis: number): Promise<void> {
    return new Promise((resolve) => {
      this.runtime.after(millis, resolve)
    })
  }

  async run(
    items: Iterable<number>,
    f: (item: number, signal: AbortSignal) => unknown,
    options: MapAsyncOptions & RunOptions & { readonly batchSize?: number },
  ): Promise<Summary> {
    const { batchSize = 1 } = options
    const flow = dataflow('test')
    flow
      .input('in', new TestingSource(items, { batchSize }))
      .pipe(mapAsync('call', f as (item: number) => Promise<number>, options))
      .output('out', this.sink)
    return this.runtime.run(run(flow, { ...options, runtime: this.runtime }))
  }
}
