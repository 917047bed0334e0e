import type { ExecutionMetrics, Summary } from '../lib/run/execution.ts'

/** Milliseconds over which a rate is taken: long enough to be read, short enough to follow. */
const SPAN = 2000

interface Sample {
  readonly at: number
  readonly itemsIn: number
  readonly itemsOut: number
}

/** Counts of a running flow as one line; rates are over the last two seconds. */
export class Progress {
  readonly #flowId: string
  readonly #began: number
  readonly #durable: boolean
  readonly #samples: Sample[]

  constructor(flowId: string, options: { readonly now: number; readonly durable: boolean }) {
    this.#flowId = flowId
    this.#began = options.now
    this.#durable = options.durable
    this.#samples = [{ at: options.now, itemsIn: 0, itemsOut: 0 }]
  }

  /** The line at `now`, milliseconds on the clock that the constructor was given. */
  line(metrics: ExecutionMetrics, now: number): string {
    const { itemsIn, itemsOut, epoch, skipped } = metrics
    const samples = this.#samples
    while (samples.length > 1 && (samples[0]?.at ?? now) < now - SPAN) samples.shift()
    const from = samples[0] ?? { at: now, itemsIn, itemsOut }
    samples.push({ at: now, itemsIn, itemsOut })
    const rate = (items: number, before: number): string =>
      `${count(now > from.at ? ((items - before) * 1000) / (now - from.at) : 0)}/s`
    return [
      this.#flowId,
      `in ${count(itemsIn)} (${rate(itemsIn, from.itemsIn)})`,
      `out ${count(itemsOut)} (${rate(itemsOut, from.itemsOut)})`,
      `epoch ${epoch}`,
      ...(this.#durable ? [`committed ${committed(metrics)}`] : []),
      ...(skipped > 0 ? [`skipped ${count(skipped)}`] : []),
    ].join('  ')
  }

  /** What the run has done, in a sentence. */
  summary(summary: Summary, now: number): string {
    const seconds = Math.max(0.001, (now - this.#began) / 1000)
    const { itemsIn, itemsOut, skipped, reason } = summary
    const rate = count(itemsIn / seconds)
    return [
      `${this.#flowId} ${reason === 'eof' ? 'is done' : 'was stopped cleanly'}:`,
      `${count(itemsIn)} items in, ${count(itemsOut)} out`,
      ...(skipped > 0 ? [`(${count(skipped)} skipped)`] : []),
      `in ${seconds.toFixed(seconds < 10 ? 2 : 0)} s, ${rate} a second`,
    ].join(' ')
  }
}

/** The last epoch that is safe; the engine names the first that is not. */
const committed = ({ committed: next }: ExecutionMetrics): string =>
  next > 1 ? String(next - 1) : 'none'

const count = (items: number): string => Math.round(items).toLocaleString('en-US')
