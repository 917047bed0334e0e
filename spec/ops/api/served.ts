import { connect } from 'node:net'
import {
  type Dataflow,
  DynamicSink,
  dataflow,
  type Execution,
  FixedPartitionedSource,
  StatefulSourcePartition,
  StatelessSinkPartition,
  start,
} from 'tidemark'
import { keyOn, map, statefulMap } from 'tidemark/operators'
import { type Api, type ApiOptions, serveApi } from 'tidemark/ops'

/** Gives what there is, and then nothing more, without an end. */
class Spring extends FixedPartitionedSource<number, number> {
  readonly #items: readonly number[]

  constructor(items: readonly number[]) {
    super()
    this.#items = items
  }

  override listParts(): string[] {
    return ['all']
  }

  override buildPart(_step: string, _part: string, resume: number | null): SpringPart {
    return new SpringPart(this.#items, resume ?? 0)
  }
}

class SpringPart extends StatefulSourcePartition<number, number> {
  readonly #items: readonly number[]
  #next: number

  constructor(items: readonly number[], next: number) {
    super()
    this.#items = items
    this.#next = next
  }

  override nextBatch(): number[] {
    const batch = this.#items.slice(this.#next)
    this.#next = this.#items.length
    return batch
  }

  override snapshot(): number {
    return this.#next
  }
}

/** Tells when so many items have come. */
class Arrivals extends DynamicSink<unknown> {
  readonly all: Promise<void>
  readonly #left: { count: number; readonly done: () => void }

  constructor(count: number) {
    super()
    let done = (): void => {}
    this.all = new Promise((resolve) => {
      done = resolve
    })
    this.#left = { count, done }
  }

  override build(): StatelessSinkPartition<unknown> {
    return new ArrivalsPart(this.#left)
  }
}

class ArrivalsPart extends StatelessSinkPartition<unknown> {
  readonly #left: { count: number; readonly done: () => void }

  constructor(left: { count: number; readonly done: () => void }) {
    super()
    this.#left = left
  }

  override writeBatch(items: unknown[]): void {
    this.#left.count -= items.length
    if (this.#left.count === 0) this.#left.done()
  }
}

/** A flow that has seen 1 to 5 and waits for more: the sum of the odd ones, and of the even. */
export const waiting = (): { readonly flow: Dataflow; readonly through: Promise<void> } => {
  const arrivals = new Arrivals(5)
  const flow = dataflow('waiting')
  flow
    .input('in', new Spring([1, 2, 3, 4, 5]))
    .pipe(
      map('same', (n) => n),
      keyOn('kind', (n) => (n % 2 === 0 ? 'a/b ä' : 'odd')),
      statefulMap('sum', (sum: number | null, n) => [(sum ?? 0) + n, n] as const),
    )
    .output('out', arrivals)
  return { flow, through: arrivals.all }
}

/** A running flow, through with what there is, and its API. */
export class Served {
  readonly flow: Dataflow
  readonly execution: Execution
  readonly api: Api

  constructor(flow: Dataflow, execution: Execution, api: Api) {
    this.flow = flow
    this.execution = execution
    this.api = api
  }

  static async start(
    options: Omit<ApiOptions, 'flow'> = {},
    { workers = 1 }: { readonly workers?: number } = {},
  ): Promise<Served> {
    const { flow, through } = waiting()
    const execution = start(flow, { epochInterval: 20, workers })
    await through
    return new Served(flow, execution, await serveApi(execution, { flow, port: 0, ...options }))
  }

  get port(): number {
    return Number(new URL(this.api.url).port)
  }

  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.api.url}${path}`, init)
  }

  async end(): Promise<void> {
    await this.execution.stop()
    await this.api.close()
  }

  /** Sends bytes as they are; gives what comes back until the connection ends. */
  async raw(text: string, { ends = false } = {}): Promise<string> {
    const socket = connect(this.port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk
    })
    socket.on('error', () => {})
    socket.write(text)
    if (ends) socket.end()
    await new Promise((resolve) => socket.on('close', resolve))
    return answer
  }
}

/** The status of a raw answer. */
export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
