// What it teaches: Kafka in and out: parse, anonymize, filter; what can't be parsed goes aside.
// What to notice: errors are streams of their own, and the bad message arrives with its bytes.
// Run it: BROKERS=localhost:9092 npx tidemark run samples/kafka-anonymize.ts (topics: visits, visits-clean, visits-bad)
import { createHash } from 'node:crypto'
import { dataflow } from 'tidemark'
import { deserialize, json, KafkaSink, kafkaInput, serialize } from 'tidemark/connectors/kafka'
import { filterMap, map, merge } from 'tidemark/operators'

interface Visit {
  readonly user: string
  readonly page: string
  readonly ip?: string
}

const brokers = (process.env['BROKERS'] ?? 'localhost:9092').split(',')
const tail = process.env['TAIL'] !== 'no'

const pseudonym = (user: string): string =>
  createHash('sha256').update(user).digest('hex').slice(0, 12)

export const flow = dataflow('anonymize')

const visits = kafkaInput('visits', flow, { brokers, topics: ['visits'], tail })
const parsed = visits.oks.pipe(deserialize('parse', { value: json<Visit>() }))

const clean = parsed.oks.pipe(
  filterMap('anonymize', ({ value }) => {
    if (value === null || value.page.startsWith('/internal')) return null
    const user = pseudonym(value.user)
    return { key: user, value: { user, page: value.page } }
  }),
  serialize('bytes', { value: json<{ user: string; page: string }>() }),
)
clean.oks.output('clean', new KafkaSink({ brokers, topic: 'visits-clean', transactional: true }))

const unreadable = visits.errs.pipe(map('unreadable', ({ bytes, error }) => ({ bytes, error })))
parsed.errs
  .pipe(
    map('unparsed', ({ message, error }) => ({ bytes: message.value, error })),
    merge('rejects', unreadable),
    map('letter', ({ bytes, error }) => ({ value: bytes, headers: { error } })),
  )
  .output('bad', new KafkaSink({ brokers, topic: 'visits-bad' }))
