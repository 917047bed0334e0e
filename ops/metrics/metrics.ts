import type { Execution } from '../../lib/run/execution.ts'
import { LoopWatch } from '../../lib/runtime/loop-delay.ts'
import { CATALOGUE } from './catalogue.ts'
import type { MetricsText, PromPage } from './prom.ts'

/** The metrics of a running flow as a page that Prometheus reads. */
export interface MetricsPage {
  /** The page as it is now; `docs/metrics.md` says what each metric means. */
  read(): Promise<MetricsText>
  /** Ends the watching of the event loop; happens by itself when the flow has ended. */
  close(): void
}

/**
 * Measures a running flow. Numbers are read from the engine when the page is; from here on batches
 * are timed, one look at the clock before and after each.
 *
 * What user code has put into prom-client's default registry follows on the same page, of this thread
 * and of those of workers together: counters and histograms are summed.
 *
 * @param flow - its name
 * @returns the page; it can be served by any HTTP server, and `serveApi` serves it as `/metrics`
 *
 * @example
 * ```ts
 * const metrics = openMetrics(execution, { flow: flow.id })
 * const { contentType, text } = await metrics.read()
 * ```
 */
export const openMetrics = (
  execution: Execution,
  { flow }: { readonly flow: string },
): MetricsPage => new Meter(execution, flow)

class Meter implements MetricsPage {
  readonly #execution: Execution
  readonly #flow: string
  #page: Promise<PromPage> | null = null
  readonly #loop = new LoopWatch()
  /** What the user's registries in threads held when these were asked last. */
  readonly #threads = new Map<number, unknown>()
  /** When an epoch was last committed, by the monotonic clock. */
  #committedAt: number | null = null

  constructor(execution: Execution, flow: string) {
    this.#execution = execution
    this.#flow = flow
    execution.events$.subscribe({
      next: ({ kind }) => {
        if (kind === 'committed') this.#committedAt = performance.now()
      },
      complete: () => this.close(),
    })
    // Timing begins with the first look.
    execution.observe().catch(() => {})
  }

  async read(): Promise<MetricsText> {
    // prom-client is loaded when the first page is read.
    this.#page ??= import('./prom.ts').then(({ PromPage }) => new PromPage(CATALOGUE))
    const page = await this.#page
    const { USERS_METRICS } = await import('./prom.ts')
    for (const [worker, said] of await this.#execution.ask(USERS_METRICS)) {
      this.#threads.set(worker, said)
    }
    const scrape = {
      flow: this.#flow,
      workers: await this.#execution.observe(),
      loopDelay: this.#loop.read(),
      sinceCommit:
        this.#committedAt === null ? null : (performance.now() - this.#committedAt) / 1000,
      now: Date.now(),
    }
    return page.text(scrape, [...this.#threads.values()])
  }

  close(): void {
    this.#loop.stop()
  }
}
