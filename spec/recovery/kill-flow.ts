// The flow that kill.spec.ts kills, and the program that runs it.
import {
  type Dataflow,
  dataflow,
  FixedPartitionedSource,
  type KeyedStream,
  type Operator,
  RecoveryStore,
  run,
  StatefulSourcePartition,
  start,
} from 'tidemark'
import { DirSink, DirSource, FileSink } from 'tidemark/connectors/files'
import {
  branch,
  EventClock,
  foldFinal,
  foldWindow,
  join,
  keyed,
  keyOn,
  map,
  mapValue,
  reduceWindow,
  SessionWindower,
  statefulMap,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import { type Deadly, DeadlyStore } from './deadly-store.ts'

export const FILES = 3

/** What a child is told. */
export interface ChildOrders {
  readonly dir: string
  readonly epochInterval: number
  readonly workers: number
  /** Workers in threads of their own. */
  readonly threads: boolean
  /** Milliseconds between two batches of a file; 0 reads as fast as it goes. */
  readonly pause: number
  /** The step of the store at which the process dies. */
  readonly deadly: Deadly | null
}

interface Payment {
  readonly account: string
  readonly amount: number
  readonly order: string
  readonly side: string
  /** Event time in seconds: rises from line to line of a file. */
  readonly second: number
}

/** `account amount order side second` */
const parse = (line: string): Payment => {
  const [account = '', amount = '', order = '', side = '', second = ''] = line.split(' ')
  return { account, amount: Number(amount), order, side, second: Number(second) }
}

/** Keyed state, a fold, a join and windows over the files of `<dir>/in`, written to `<dir>/out`. */
export const flow = (dir: string, pause: number): Dataflow => {
  const made = dataflow('killed')
  const timestamp = ({ second }: Payment): number => second * 1000
  const payments = made
    .input('lines', new PacedFiles(`${dir}/in`, pause))
    .pipe(map('parse', parse), watermarks('times', { timestamp }))
  const accounts = payments.pipe(keyOn('account', ({ account }) => account))
  accounts
    .pipe(
      statefulMap('running', (state: { n: number; sum: number } | null, { account, amount }) => {
        const next = state ?? { n: 0, sum: 0 }
        next.n += 1
        next.sum += amount
        return [next, `${account} ${next.n} ${next.sum}`]
      }),
    )
    .output('running out', new DirSink(`${dir}/out/running`, { fileCount: 4 }))
  accounts
    .pipe(
      foldFinal(
        'total',
        () => new Map<string, number>(),
        (seen, { side, amount }) => seen.set(side, (seen.get(side) ?? 0) + amount),
      ),
      map(
        'total text',
        ([account, seen]) =>
          [account, `${account} ${seen.get('left')} ${seen.get('right')}`] as const,
      ),
      keyOn('total key', ([account]) => account),
      mapValue('total value', ([, text]) => text),
    )
    .output('totals out', new FileSink(`${dir}/out/totals`))
  accounts
    .pipe(
      foldWindow('hours', {
        clock: new WatermarkClock({ timestamp }),
        windower: new TumblingWindower({ length: { hours: 1 }, alignTo: 0 }),
        init: () => 0,
        fold: (sum, { amount }) => sum + amount,
      }),
    )
    .down.pipe(windowText('hours'))
    .output('hours out', new FileSink(`${dir}/out/hours`))
  accounts
    .pipe(
      reduceWindow('bursts', {
        // Far behind the wall clock, and waiting longer than any death lasts.
        clock: new EventClock({ timestamp, wait: { minutes: 10 }, now: () => Date.now() }),
        windower: new SessionWindower({ gap: { minutes: 3 } }),
        reduce: (first, { amount }) => ({ ...first, amount: first.amount + amount }),
      }),
    )
    .down.pipe(
      mapValue('bursts amount', ([id, { amount }]): [number, number] => [id, amount]),
      windowText('bursts'),
    )
    .output('bursts out', new FileSink(`${dir}/out/bursts`))
  const { trues, falses } = payments.pipe(branch('sides', ({ side }) => side === 'left'))
  join('orders', {
    left: trues.pipe(keyOn('left', ({ order }) => order)),
    right: falses.pipe(keyOn('right', ({ order }) => order)),
  })
    .pipe(
      mapValue('order text', ({ left, right }) => `${left.order} ${left.amount} ${right.amount}`),
    )
    .output('orders out', new FileSink(`${dir}/out/orders`))
  return made
}

const windowText =
  (id: string): Operator<KeyedStream<readonly [number, number]>, KeyedStream<string>> =>
  (up) =>
    up.pipe(
      map(
        `${id} text`,
        ([account, [window, sum]]) => [account, `${account} ${window} ${sum}`] as const,
      ),
      keyed(`${id} key`),
    )

/** The lines of a directory's files, no faster than a batch a pause from each. */
class PacedFiles extends FixedPartitionedSource<string, unknown> {
  readonly #files: DirSource
  readonly #pause: number

  constructor(dir: string, pause: number) {
    super()
    this.#files = new DirSource(dir, { batchSize: 100 })
    this.#pause = pause
  }

  override listParts(): Promise<string[]> | string[] {
    return this.#files.listParts()
  }

  override async buildPart(stepId: string, part: string, resume: unknown) {
    const built = await this.#files.buildPart(stepId, part, resume as never)
    return new PacedPart(built, this.#pause)
  }
}

class PacedPart extends StatefulSourcePartition<string, unknown> {
  readonly #part: StatefulSourcePartition<string, unknown>
  readonly #pause: number
  #next = 0

  constructor(part: StatefulSourcePartition<string, unknown>, pause: number) {
    super()
    this.#part = part
    this.#pause = pause
  }

  override nextBatch(): ReturnType<StatefulSourcePartition<string, unknown>['nextBatch']> {
    this.#next = Date.now() + this.#pause
    return this.#part.nextBatch()
  }

  override nextAwake(): number | null {
    return this.#pause === 0 ? null : this.#next
  }

  override snapshot(): unknown {
    return this.#part.snapshot()
  }

  override close(): void | Promise<void> {
    return this.#part.close()
  }
}

/** Runs the flow over a recovery store in `<dir>/state`; says `ready` once it reads. */
const child = async (orders: ChildOrders): Promise<void> => {
  const { dir, epochInterval, workers, threads, pause, deadly } = orders
  const store = await RecoveryStore.open(`${dir}/state`)
  const execution = threads
    ? start(
        { module: import.meta.url, export: 'flow', args: [dir, pause] },
        { workers, epochInterval, recovery: store },
      )
    : start(flow(dir, pause), {
        workers,
        epochInterval,
        recovery: deadly === null ? store : new DeadlyStore(store, deadly),
      })
  let ready = false
  execution.events$.subscribe((event) => {
    if (event.kind !== 'committed' || ready) return
    ready = true
    process.stdout.write('ready\n')
  })
  await execution.done
}

/** What the flow leaves when nothing disturbs it. */
export const undisturbed = (dir: string): Promise<unknown> => run(flow(dir, 0))

const [, program, orders] = process.argv
if (orders !== undefined && /kill-flow\.[jt]s$/.test(program ?? '')) {
  child(JSON.parse(orders) as ChildOrders).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exitCode = 1
  })
}
