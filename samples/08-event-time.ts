// What it teaches: windows of event time that follow the stream's watermark.
// What to notice: the results depend on the timestamps alone; what comes too late comes out as such.
// Run it: node --import tsx --conditions source samples/08-event-time.ts
import { dataflow, fromIterable, run } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'
import {
  countWindow,
  map,
  merge,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'

const logins = [
  { user: 'Ada', at: new Date('2024-01-01T12:00:01Z') },
  { user: 'Grace', at: new Date('2024-01-01T12:00:08Z') },
  { user: 'Ada', at: new Date('2024-01-01T12:00:04Z') }, // out of order, and on time
  { user: 'Ada', at: new Date('2024-01-01T12:00:31Z') }, // the watermark moves to 12:00:26
  { user: 'Ada', at: new Date('2024-01-01T12:00:02Z') }, // its window has closed
]

export const flow = dataflow('event-time')

const { down, late } = flow.input('logins', fromIterable(logins, { batchSize: 1 })).pipe(
  watermarks('time', { timestamp: (login) => login.at, outOfOrderness: { seconds: 5 } }),
  countWindow('logins-by-user', {
    clock: new WatermarkClock({ timestamp: (login) => login.at }),
    windower: new TumblingWindower({
      length: { seconds: 10 },
      alignTo: new Date('2024-01-01T12:00:00Z'),
    }),
    key: (login) => login.user,
  }),
)

const lateLines = late.pipe(map('late-line', ([user]) => `late: ${user}`))
down
  .pipe(
    map('line', ([user, [window, count]]) => `window ${window}: ${user} ${count}`),
    merge('lines', lateLines),
  )
  .output('print', new StdOutSink())

await run(flow, { epochInterval: 0 })

// => window 0: Ada 2
// => window 0: Grace 1
// => late: Ada
// => window 3: Ada 1
