// What it teaches: counting what comes over a WebSocket, every so often, and the most edited first.
// What to notice: a feed has no end and no position; it is at most once, and the windows say so.
// Run it: FIREHOSE_URL=wss://host/path npx tidemark run samples/websocket-firehose.ts
import { dataflow } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { WebSocketSource } from 'tidemark/connectors/websocket'
import {
  collectWindow,
  countWindow,
  filterMap,
  keyOn,
  map,
  SystemClock,
  TumblingWindower,
} from 'tidemark/operators'

interface Edit {
  readonly server_name: string
}

interface Line {
  readonly server: string
  readonly count: number
}

const url = process.env['FIREHOSE_URL'] ?? 'ws://127.0.0.1:8765'
const length = Number(process.env['FIREHOSE_WINDOW'] ?? 2000)

/** An edit, or nothing where a message is none. */
const editOf = (text: string): Edit | null => {
  try {
    const edit = JSON.parse(text) as Partial<Edit> | null
    return typeof edit?.server_name === 'string' ? { server_name: edit.server_name } : null
  } catch {
    return null
  }
}

const clock = new SystemClock()
const windower = new TumblingWindower({ length, alignTo: 0 })

export const flow = dataflow('firehose')

const edits = flow.input('edits', new WebSocketSource({ url })).pipe(filterMap('parse', editOf))

edits
  .pipe(countWindow('count', { clock, windower, key: ({ server_name }: Edit) => server_name }))
  .down.pipe(
    map('line', ([server, [, count]]) => ({ server, count })),
    keyOn('all', () => 'all'),
    collectWindow<Line>('top', { clock, windower, ordered: false }),
  )
  .down.pipe(
    map('sort', ([, [, rows]]) => [...rows].sort((a, b) => b.count - a.count).slice(0, 10)),
  )
  .output('print', new StdOutSink())
