const ORDER_BY_KEY = 'declare const keyed: KeyedStream<Order>'
const CLOCK_OF_LOGINS = 'declare const clock: WatermarkClock<Login>'
const CLOCK_OF_NUMBERS = 'declare const clock: WatermarkClock<number>'
const CLOCK_OF_READINGS = 'declare const clock: WatermarkClock<Reading>'
const KAFKA = `declare const brokers: string[]
declare const messages: Stream<KafkaMessage>
interface Point { readonly x: number }`
const WRITE_FILE = `import { writeFile } from 'node:fs/promises'`
const DATABASE = `declare const db: {
  readonly url: string
  all(): string[]
  start(): Promise<void>
  stop(): Promise<void>
}`

/** What the example of a source file takes for granted and the stage doesn't have, or has otherwise. */
export const GIVEN: Readonly<Record<string, string>> = {
  'connectors/files/dir-sink.ts': 'declare const keyed: KeyedStream<string>',
  'connectors/files/file-dead-letter.ts': 'declare const orders: Stream<string>',
  'connectors/http/polling-source.ts': 'interface Rate { readonly euros: number }',
  'connectors/kafka/avro.ts': KAFKA,
  'connectors/kafka/deserialize.ts': KAFKA,
  'connectors/kafka/json.ts': KAFKA,
  'connectors/kafka/registry-avro.ts': KAFKA,
  'connectors/kafka/serialize.ts': KAFKA,
  'connectors/postgres/postgres-sink.ts': `declare const connection: string
declare const counts: KeyedStream<{ readonly word: string; readonly n: number }>`,
  'connectors/rxjs/from-observable.ts': `import { Subject } from 'rxjs'`,
  'lib/flow/batch-async.ts': 'declare const ticks: () => AsyncIterable<number>',
  'lib/flow/from-async-iterable.ts': 'declare const socket: AsyncIterable<string>',
  'lib/flow/simple-polling-source.ts': 'declare const url: string',
  'operators/as-of-join.ts': 'declare const clock: WatermarkClock<Trade>',
  'operators/collect-window.ts': CLOCK_OF_LOGINS,
  'operators/count-window.ts': CLOCK_OF_LOGINS,
  'operators/dedupe.ts': ORDER_BY_KEY,
  'operators/enrich-cached.ts': 'declare const findName: (user: string) => Promise<string>',
  'operators/flat-map-batch.ts': 'declare const scaleAll: (batch: number[]) => number[]',
  'operators/flat-map-value.ts': 'declare const lines: KeyedStream<string>',
  'operators/fold-window.ts': CLOCK_OF_READINGS,
  'operators/interval-join.ts': `interface Paid extends Trade { readonly id: string }
declare const orders: KeyedStream<Paid>
declare const payments: KeyedStream<Paid>
declare const clock: WatermarkClock<Paid>`,
  'operators/join.ts': 'declare const logins: KeyedStream<Login>',
  'operators/max-final.ts': ORDER_BY_KEY,
  'operators/min-final.ts': ORDER_BY_KEY,
  'operators/raises.ts': 'declare const errors: Stream<Error>',
  'operators/redistribute.ts': 'declare const resize: (image: Uint8Array) => Uint8Array',
  'operators/reduce-window.ts': CLOCK_OF_NUMBERS,
  'operators/rolling.ts': CLOCK_OF_NUMBERS,
  'operators/rx.ts': `import { debounceTime } from 'rxjs'`,
  'operators/side-input.ts': 'declare const rates: KeyedStream<number>',
  'operators/stateful-batch.ts': `interface Row { readonly id: string }
declare const table: { insertAll(rows: Row[]): number }
declare const keyed: KeyedStream<Row>`,
  'operators/watermarks.ts': `declare const countPerMinute: Operator<KeyedStream<Login>, Stream<unknown>>`,
  'operators/window.ts': `${CLOCK_OF_NUMBERS}
declare const bids: KeyedStream<number>`,
  'ops/visualize/plant-uml.ts': WRITE_FILE,
  'ops/visualize/svg.ts': WRITE_FILE,
  'testing/check-flow.ts': `import fc from 'fast-check'
declare const order: fc.Arbitrary<Login>`,
  'testing/minimise.ts': 'declare const check: (simulation: Simulation) => void',
  'testing/describe-sink.ts': `${DATABASE}
declare const MySink: new (place: typeof db) => DynamicSink<string>`,
  'testing/describe-source.ts': `declare const server: { readonly url: string }
declare const MySource: new (url: string) => DynamicSource<string>`,
  'testing/describe-transactional-sink.ts': `${DATABASE}
declare const MySink: new (url: string) => TransactionalSink<string, string>`,
  'testing/describe-write-ahead-sink.ts': `${DATABASE}
declare const MySink: new (url: string) => WriteAheadSink<string>`,
  'testing/time-testing-getter.ts': 'declare const timestamp: (item: Login) => number',
}
