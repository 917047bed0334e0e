// What it teaches: a small service: orders come in over HTTP, sums a customer go into a table.
// What to notice: a sender that is told 200 is in the sums once, whatever is killed in between.
// Run it: ORDERS_DB=postgres://localhost/shop npx tidemark run samples/webhook-to-postgres.ts -r store -s 1
// Send: curl -H 'X-Order: 1' -H 'Content-Type: application/json' -d '{"customer":"ada","cents":500}' http://127.0.0.1:8080/orders
import { dataflow } from 'tidemark'
import { WebhookSource } from 'tidemark/connectors/http'
import { PostgresSink } from 'tidemark/connectors/postgres'
import { filterMap, keyOn, statefulMap } from 'tidemark/operators'

interface Order {
  readonly customer: string
  readonly cents: number
}

type Sum = Readonly<{ customer: string; orders: number; cents: number }>

const connection = process.env['ORDERS_DB'] ?? 'postgres://localhost/shop'
const port = Number(process.env['ORDERS_PORT'] ?? 8080)

/** An order, or nothing where the body is none. */
const orderOf = (body: unknown): Order | null => {
  const { customer, cents } = (body ?? {}) as Partial<Order>
  return typeof customer === 'string' && Number.isSafeInteger(cents)
    ? { customer, cents: cents ?? 0 }
    : null
}

export const flow = dataflow('orders')

flow
  .input(
    'orders',
    new WebhookSource({
      port,
      path: '/orders',
      ack: 'committed',
      dedupe: { header: 'X-Order', remember: 10_000 },
    }),
  )
  .pipe(
    filterMap('order', ({ body }) => orderOf(body)),
    keyOn('customer', ({ customer }) => customer),
    statefulMap<Order, Sum, Sum>('sum', (sum, { customer, cents }) => {
      const next = { customer, orders: (sum?.orders ?? 0) + 1, cents: (sum?.cents ?? 0) + cents }
      return [next, next]
    }),
  )
  // CREATE TABLE sums (customer text PRIMARY KEY, orders int, cents bigint)
  .output('sums', new PostgresSink({ connection, table: 'sums', key: 'customer' }))
