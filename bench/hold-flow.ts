import {
  DynamicSink,
  DynamicSource,
  dataflow,
  EOF,
  run,
  StatelessSinkPartition,
  StatelessSourcePartition,
  type Stream,
} from 'tidemark'

export interface HoldSpec<In, Out> {
  readonly batches: readonly In[][]
  /** Steps that put out one item for each that comes in. */
  readonly steps: (stream: Stream<In>) => Stream<Out>
  /** Called before the run starts. */
  readonly onStart: () => void
  /** Called while the flow is still open and every item has been through. */
  readonly onHeld: () => void
}

/** Counts items and says when the last one has come. */
class Gathering {
  readonly #expected: number
  readonly all: Promise<void>
  #resolve: () => void = () => {}
  seen = 0

  constructor(expected: number) {
    this.#expected = expected
    this.all = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  add(count: number): void {
    this.seen += count
    if (this.seen === this.#expected) this.#resolve()
  }
}

class HoldingPartition<In> extends StatelessSourcePartition<In> {
  readonly #batches: readonly In[][]
  readonly #hold: () => Promise<void>
  #next = 0

  constructor(batches: readonly In[][], hold: () => Promise<void>) {
    super()
    this.#batches = batches
    this.#hold = hold
  }

  override nextBatch(): In[] | Promise<typeof EOF> {
    const batch = this.#batches[this.#next]
    this.#next += 1
    return batch ?? this.#end()
  }

  async #end(): Promise<typeof EOF> {
    await this.#hold()
    return EOF
  }
}

class HoldingSource<In> extends DynamicSource<In> {
  readonly #make: () => HoldingPartition<In>

  constructor(make: () => HoldingPartition<In>) {
    super()
    this.#make = make
  }

  override build(): HoldingPartition<In> {
    return this.#make()
  }
}

class GatheringPartition<Out> extends StatelessSinkPartition<Out> {
  readonly #gathering: Gathering

  constructor(gathering: Gathering) {
    super()
    this.#gathering = gathering
  }

  override writeBatch(items: Out[]): void {
    this.#gathering.add(items.length)
  }
}

class GatheringSink<Out> extends DynamicSink<Out> {
  readonly #gathering: Gathering

  constructor(gathering: Gathering) {
    super()
    this.#gathering = gathering
  }

  override build(): GatheringPartition<Out> {
    return new GatheringPartition(this.#gathering)
  }
}

/** Runs a flow that stays open behind its last item until `onHeld` has looked at it. */
export const holdFlow = async <In, Out>(spec: HoldSpec<In, Out>): Promise<number> => {
  const items = spec.batches.reduce((sum, batch) => sum + batch.length, 0)
  const gathering = new Gathering(items)
  const hold = async (): Promise<void> => {
    await gathering.all
    spec.onHeld()
  }
  const flow = dataflow('bench')
  spec
    .steps(flow.input('items', new HoldingSource(() => new HoldingPartition(spec.batches, hold))))
    .output('gather', new GatheringSink(gathering))
  spec.onStart()
  await run(flow)
  return gathering.seen
}
