import { expect } from 'chai'
import fc from 'fast-check'
import { delay, map as rxMap } from 'rxjs'
import { dataflow, type Runtime, systemRuntime } from 'tidemark'
import { keyOn, mapAsync, rx, statefulMap } from 'tidemark/operators'
import { simulate, TestingSink, TestingSource } from 'tidemark/testing'

/** Items, and the clock of the run that reads them. */
class TimedSource extends TestingSource<number> {
  runtime: Runtime = systemRuntime

  override useRun(run: Parameters<TestingSource<number>['useRun']>[0]): void {
    super.useRun(run)
    this.runtime = run.runtime
  }

  wait(millis: number): Promise<void> {
    return new Promise((resolve) => {
      this.runtime.after(millis, resolve)
    })
  }
}

const KEYS = 3

describe('results that come later than their items', () => {
  it('are counted exactly once, whatever crashes when, and keep behind no progress', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(),
          delays: fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 40 }),
          ordered: fc.boolean(),
          workers: fc.integer({ min: 1, max: 3 }),
          crashes: fc.integer({ min: 0, max: 3 }),
          batchSize: fc.integer({ min: 1, max: 5 }),
        }),
        async ({ seed, delays, ordered, workers, crashes, batchSize }) => {
          const source = new TimedSource(
            delays.map((_, at) => at + 1),
            { batchSize },
          )
          const sink = new TestingSink<readonly [string, number]>()
          const flow = dataflow('late')
          flow
            .input('in', source)
            .pipe(
              mapAsync(
                'call',
                async (n) => {
                  await source.wait(delays[n - 1] as number)
                  return n
                },
                { concurrency: 4, ordered },
              ),
              rx(
                'rx',
                (items, scheduler) =>
                  items.pipe(
                    delay(30, scheduler),
                    rxMap((n) => n),
                  ),
                { per: 'epoch' },
              ),
              keyOn('key', (n) => `${n % KEYS}`),
              statefulMap('sum', (sum: number | null, n: number) => {
                const next = (sum ?? 0) + n
                return [next, next]
              }),
            )
            .output('out', sink)
          const { executions } = await simulate(flow, {
            seed,
            workers,
            epochInterval: 20,
            faults: { crashes, within: 400 },
          })
          const last = new Map<string, number>()
          for (const { outputs } of executions) {
            for (const item of outputs.get('out') ?? []) {
              const [key, sum] = item as readonly [string, number]
              last.set(key, Math.max(sum, last.get(key) ?? 0))
            }
          }
          const expected = new Map<string, number>()
          for (let n = 1; n <= delays.length; n++) {
            expected.set(`${n % KEYS}`, (expected.get(`${n % KEYS}`) ?? 0) + n)
          }
          expect(last).to.deep.equal(expected)
        },
      ),
      { numRuns: 60 },
    )
  })
})
