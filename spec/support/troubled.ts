import {
  DynamicSink,
  EOF,
  FixedPartitionedSink,
  FixedPartitionedSource,
  type Polled,
  type Runtime,
  StatefulSinkPartition,
  StatefulSourcePartition,
  StatelessSinkPartition,
} from 'tidemark'

/** What goes wrong where, and what was opened and closed meanwhile. */
export interface Trouble {
  /** The method that fails. */
  readonly at: string
  /** It rejects, a while later, instead of throwing. */
  readonly later: boolean
  /** Opening takes this long: milliseconds. */
  readonly opening?: number
}

class Troubled extends Error {
  override readonly name = 'Troubled'
}

/** Partitions that are open, by name; what is closed twice throws. */
export class Ledger {
  readonly opened: string[] = []
  readonly closed: string[] = []
  readonly #trouble: Trouble
  #runtime: Runtime | null = null

  constructor(trouble: Trouble) {
    this.#trouble = trouble
  }

  useRun(runtime: Runtime): void {
    this.#runtime = runtime
  }

  /** Fails here, if this is where. */
  meet<R>(at: string, result: R): R | Promise<R> {
    if (this.#trouble.at !== at) return result
    const failure = new Troubled(`no luck in ${at}`)
    if (!this.#trouble.later) throw failure
    return this.#wait(5).then(() => {
      throw failure
    })
  }

  async open<R>(name: string, make: () => R): Promise<R> {
    if (this.#trouble.opening !== undefined) await this.#wait(this.#trouble.opening)
    this.opened.push(name)
    return make()
  }

  close(name: string): void {
    if (this.closed.includes(name)) throw new Error(`${name} was closed twice`)
    this.closed.push(name)
  }

  #wait(millis: number): Promise<void> {
    return new Promise((resolve) => this.#runtime?.after(millis, resolve))
  }
}

export class TroubledSource extends FixedPartitionedSource<number, number> {
  readonly #ledger: Ledger
  readonly #names: readonly string[]

  constructor(ledger: Ledger, names: readonly string[] = ['a', 'b', 'c']) {
    super()
    this.#ledger = ledger
    this.#names = names
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#ledger.useRun(runtime)
  }

  override listParts(): string[] | Promise<string[]> {
    return this.#ledger.meet('listParts', [...this.#names])
  }

  override async buildPart(_stepId: string, part: string, resume: number | null) {
    if (part === this.#names[1]) await this.#ledger.meet('buildPart', null)
    return this.#ledger.open(
      `source ${part}`,
      () => new TroubledPart(part, this.#ledger, resume ?? 0),
    )
  }
}

class TroubledPart extends StatefulSourcePartition<number, number> {
  readonly #name: string
  readonly #ledger: Ledger
  #at: number

  constructor(name: string, ledger: Ledger, at: number) {
    super()
    this.#name = name
    this.#ledger = ledger
    this.#at = at
  }

  override nextBatch(): Polled<number> | Promise<Polled<number>> {
    if (this.#at === 10) return EOF
    this.#at += 1
    return this.#at === 4 ? this.#ledger.meet('nextBatch', [this.#at]) : [this.#at]
  }

  override nextAwake(): number | null {
    if (this.#at === 4) void this.#ledger.meet('nextAwake', null)
    return null
  }

  override snapshot(): number {
    if (this.#at === 4) void this.#ledger.meet('snapshot', null)
    return this.#at
  }

  override async close(): Promise<void> {
    this.#ledger.close(`source ${this.#name}`)
    await this.#ledger.meet('close', null)
  }
}

export class TroubledSink extends DynamicSink<number> {
  readonly #ledger: Ledger

  constructor(ledger: Ledger) {
    super()
    this.#ledger = ledger
  }

  override async build(_stepId: string, worker: number): Promise<StatelessSinkPartition<number>> {
    if (worker === 0) await this.#ledger.meet('build', null)
    const ledger = this.#ledger
    const name = `sink ${worker}`
    return ledger.open(
      name,
      () =>
        new (class extends StatelessSinkPartition<number> {
          override writeBatch(items: number[]): void | Promise<void> {
            if (items.includes(4)) return ledger.meet('writeBatch', undefined)
          }

          override async close(): Promise<void> {
            ledger.close(name)
            await ledger.meet('sink close', null)
          }
        })(),
    )
  }
}

export class TroubledPartsSink extends FixedPartitionedSink<number, number> {
  readonly #ledger: Ledger

  constructor(ledger: Ledger) {
    super()
    this.#ledger = ledger
  }

  override listParts(): string[] | Promise<string[]> {
    return this.#ledger.meet('sink listParts', ['x', 'y'])
  }

  override partFor(key: string): number {
    void this.#ledger.meet('partFor', null)
    return key.length
  }

  override async buildPart(
    _stepId: string,
    part: string,
  ): Promise<StatefulSinkPartition<number, number>> {
    if (part === 'y') await this.#ledger.meet('sink buildPart', null)
    const ledger = this.#ledger
    return ledger.open(
      `part ${part}`,
      () =>
        new (class extends StatefulSinkPartition<number, number> {
          override writeBatch(): void | Promise<void> {
            return ledger.meet('part writeBatch', undefined)
          }

          override flush(): void | Promise<void> {
            return ledger.meet('flush', undefined)
          }

          override snapshot(): number {
            void ledger.meet('sink snapshot', null)
            return 0
          }

          override close(): void {
            ledger.close(`part ${part}`)
          }
        })(),
    )
  }
}
