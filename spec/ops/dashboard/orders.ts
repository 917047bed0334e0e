import {
  type Dataflow,
  DynamicSink,
  dataflow,
  FixedPartitionedSource,
  StatefulSourcePartition,
  StatelessSinkPartition,
  withPolicy,
} from 'tidemark'
import {
  countWindow,
  filter,
  keyOn,
  map,
  statefulMap,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'

/** What a careless page would run. */
const HOSTILE = `<img src=x onerror="document.title='owned'">`

interface Order {
  readonly customer: string
  readonly paid: boolean
  readonly at: number
}

const EVERY = 10
/** The customer who makes most of the orders. */
const BUSY = 'acme'

/** Orders of three shops, for as long as the flow runs; one of them goes silent after a few. */
class Shops extends FixedPartitionedSource<Order, number> {
  override listParts(): string[] {
    return ['asia', 'eu', 'us']
  }

  override buildPart(_step: string, part: string, resume: number | null): Shop {
    return new Shop(part === 'asia' ? 40 : Number.POSITIVE_INFINITY, resume ?? 0)
  }
}

class Shop extends StatefulSourcePartition<Order, number> {
  readonly #most: number
  #next: number
  #awake = 0

  constructor(most: number, next: number) {
    super()
    this.#most = most
    this.#next = next
  }

  override nextBatch(): Order[] {
    this.#awake = Date.now() + EVERY
    const first = this.#next
    this.#next = Math.min(this.#most, first + 20)
    return Array.from({ length: this.#next - first }, (_, at) => order(first + at))
  }

  override nextAwake(): number {
    return this.#awake
  }

  override snapshot(): number {
    return this.#next
  }
}

const order = (n: number): Order => {
  const other = n % 400 === 399 ? HOSTILE : `shop-${n % 40}`
  return { customer: n % 4 === 3 ? other : BUSY, paid: n % 10 !== 0, at: Date.now() }
}

/** Lets go of everything. */
class Nowhere extends DynamicSink<unknown> {
  override build(): StatelessSinkPartition<unknown> {
    return new NowherePart()
  }
}

class NowherePart extends StatelessSinkPartition<unknown> {
  override writeBatch(): void {}
}

/** Takes its time, as a model or a large sum does. */
const work = (millis: number): void => {
  const until = performance.now() + millis
  while (performance.now() < until);
}

/** A flow with a slow step, one customer far ahead, a silent partition, and items that fail. */
export const orders = (): Dataflow => {
  const flow = dataflow('orders')
  const paid = flow.input('shops', new Shops()).pipe(
    withPolicy(
      'skip',
      map('parse', (each: Order) => {
        if (each.customer === HOSTILE) throw new RangeError(`no customer ${each.customer}`)
        return each
      }),
    ),
    watermarks('time', { timestamp: ({ at }: Order) => at, outOfOrderness: { seconds: 1 } }),
    filter('paid', (each: Order) => each.paid),
    map('tidy', (each: Order) => each),
  )
  paid
    .pipe(
      keyOn('customer', ({ customer }) => customer),
      statefulMap('score', (sum: number | null, _order) => {
        work(0.22)
        return [(sum ?? 0) + 1, (sum ?? 0) + 1] as const
      }),
    )
    .output('scores', new Nowhere())
  paid
    .pipe(
      countWindow('per-second', {
        clock: new WatermarkClock({ timestamp: ({ at }: Order) => at }),
        windower: new TumblingWindower({ length: { seconds: 1 }, alignTo: new Date(0) }),
        key: ({ customer }: Order) => customer,
      }),
    )
    .down.output('windows', new Nowhere())
  return flow
}
