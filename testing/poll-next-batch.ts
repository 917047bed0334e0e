import { TidemarkError } from '../lib/errors/errors.ts'
import { durationOption } from '../lib/flow/options.ts'
import { EOF, type Polled, type StatelessSourcePartition } from '../lib/flow/source.ts'
import type { Runtime } from '../lib/runtime/runtime.ts'
import { systemRuntime } from '../lib/runtime/system.ts'
import type { DurationLike } from '../lib/time/time.ts'

/**
 * Asks a partition until it gives a batch that is not empty, as the engine would.
 *
 * @param part - the partition
 * @param timeout - how long to go on asking; the partition's own waits count
 * @param runtime - the clock to wait on
 * @returns the items, or `EOF`
 * @throws TidemarkError when nothing came in time; what the partition throws
 *
 * @example
 * ```ts
 * const part = await source.buildPart('in', 'part', null)
 * await pollNextBatch(part, { seconds: 5 }) // => [1]
 * ```
 */
export const pollNextBatch = async <T>(
  part: StatelessSourcePartition<T>,
  timeout: DurationLike = 5000,
  runtime: Runtime = systemRuntime,
): Promise<T[] | typeof EOF> => {
  const millis = durationOption('timeout', timeout)
  const deadline = runtime.monotonic() + millis
  for (;;) {
    const polled = await within(part.nextBatch(), deadline - runtime.monotonic(), runtime)
    if (polled === EOF) return EOF
    if (polled !== null) {
      const items = [...polled]
      if (items.length > 0) return items
    }
    const left = deadline - runtime.monotonic()
    if (polled === null || left <= 0) {
      throw new TidemarkError(`The partition gave no item within ${millis} ms.`)
    }
    const wait = Math.max(1, (part.nextAwake() ?? 0) - runtime.now())
    await new Promise<void>((resolve) => runtime.after(Math.min(wait, left), resolve))
  }
}

/** What was polled, or `null` when it did not come in time. */
const within = <T>(
  polled: Polled<T> | Promise<Polled<T>>,
  millis: number,
  runtime: Runtime,
): Polled<T> | Promise<Polled<T> | null> => {
  if (!(polled instanceof Promise)) return polled
  return new Promise((resolve, reject) => {
    const timer = runtime.after(millis, () => resolve(null))
    polled.then(resolve, reject).finally(() => timer.cancel())
  })
}
