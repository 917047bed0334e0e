// What it teaches: a JetStream stream as a source and as an exactly-once sink.
// What to notice: orders are read from positions of the flow's own, so it can be killed and started
// again with --recovery-directory, and each statistic is written once.
// Run it: SERVERS=nats://localhost:4222 npx tidemark run samples/jetstream-order-statistics.ts
// (streams: orders of orders.>, statistics of statistics.>, rejects of rejects.>; TAIL=no ends at their end)
import { dataflow } from 'tidemark'
import { JetStreamSink, JetStreamSource } from 'tidemark/connectors/nats'
import { filterMap, keyOn, map, statefulMap } from 'tidemark/operators'

interface Order {
  readonly sku: string
  readonly quantity: number
  readonly price: number
}

interface Statistics {
  readonly orders: number
  readonly quantity: number
  readonly revenue: number
}

const { SERVERS: servers = 'nats://localhost:4222', TAIL = 'yes' } = process.env
const decoder = new TextDecoder()

const parse = (bytes: Uint8Array): Order | null => {
  try {
    const { sku, quantity, price } = JSON.parse(decoder.decode(bytes))
    const valid = typeof sku === 'string' && /^[\w-]+$/.test(sku)
    return valid && quantity > 0 && price >= 0 ? { sku, quantity, price } : null
  } catch {
    return null
  }
}

export const flow = dataflow('order-statistics')

const messages = flow.input(
  'orders',
  new JetStreamSource({ servers, stream: 'orders', tail: TAIL !== 'no' }),
)
const parsed = messages.pipe(map('parse', ({ data }) => ({ data, order: parse(data) })))

parsed
  .pipe(
    filterMap('valid', ({ order }) => order),
    keyOn('sku', ({ sku }) => sku),
    statefulMap<Order, Statistics, Statistics>('sum', (sum, { quantity, price }) => {
      const next = {
        orders: (sum?.orders ?? 0) + 1,
        quantity: (sum?.quantity ?? 0) + quantity,
        revenue: (sum?.revenue ?? 0) + quantity * price,
      }
      return [next, next]
    }),
  )
  .output('statistics', new JetStreamSink({ servers, subject: ([sku]) => `statistics.${sku}` }))

parsed
  .pipe(filterMap('rejected', ({ data, order }) => (order === null ? data : null)))
  .output('rejects', new JetStreamSink({ servers, subject: 'rejects.orders' }))
