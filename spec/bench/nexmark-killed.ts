// The flow that nexmark-kill.spec.ts kills: every query into a file of its own.
import {
  type Dataflow,
  dataflow,
  FixedPartitionedSource,
  RecoveryStore,
  run,
  scoped,
} from 'tidemark'
import { FileSink } from 'tidemark/connectors/files'
import { keyOn, mapValue } from 'tidemark/operators'
import { GOLDEN } from '../../bench/nexmark/golden.ts'
import type { NexmarkEvent } from '../../bench/nexmark/model.ts'
import type { Query } from '../../bench/nexmark/query.ts'
import { NexmarkSource, type NexmarkSourceOptions } from '../../bench/nexmark/source.ts'

export const QUERIES: readonly Query<unknown>[] = GOLDEN.map(({ query }) => query)

export interface KilledOrders extends NexmarkSourceOptions {
  readonly dir: string
  readonly workers: number
  /** Milliseconds between two batches of a partition. */
  readonly pause: number
}

/** Reads no faster than a batch a pause, so that a kill finds it at work. */
class PacedSource extends FixedPartitionedSource<NexmarkEvent, number> {
  override readonly givesWatermarks = true
  readonly #source: NexmarkSource
  readonly #pause: number

  constructor({ pause, ...options }: KilledOrders) {
    super()
    this.#source = new NexmarkSource(options)
    this.#pause = pause
  }

  override listParts(): string[] {
    return this.#source.listParts()
  }

  override buildPart(stepId: string, part: string, resume: number | null) {
    const built = this.#source.buildPart(stepId, part, resume)
    built.nextAwake = () => (this.#pause === 0 ? null : Date.now() + this.#pause)
    return built
  }
}

export const flowOf = (orders: KilledOrders): Dataflow => {
  const flow = dataflow('nexmark')
  const events = flow.input('events', new PacedSource(orders))
  for (const { id, steps, about } of QUERIES) {
    events
      .pipe(
        scoped(id, steps),
        keyOn(`${id}-key`, (row) => String(about?.(row) ?? 'all')),
        mapValue(`${id}-text`, (row) => JSON.stringify(row)),
      )
      .output(`${id}-out`, new FileSink(`${orders.dir}/${id}`))
  }
  return flow
}

const child = async (orders: KilledOrders): Promise<void> => {
  const store = await RecoveryStore.open(`${orders.dir}/state`)
  await run(flowOf(orders), { workers: orders.workers, epochInterval: 100, recovery: store })
}

const [, program, orders] = process.argv
if (orders !== undefined && /nexmark-killed\.[jt]s$/.test(program ?? '')) {
  await child(JSON.parse(orders) as KilledOrders)
}
