import { fileURLToPath } from 'node:url'
import { dataflow, run } from 'tidemark'
import { PostgresChangesSource, PostgresSink } from 'tidemark/connectors/postgres'
import { keyOn, map, statefulMap } from 'tidemark/operators'

/** Started as a process of its own, to be killed: `<connection> <store> <workers> <tail or end>`. */
export const PROGRAM: string = fileURLToPath(import.meta.url)

interface Fed {
  readonly key: string
  readonly item: number
}

if (process.argv[1] === PROGRAM) {
  const [connection = '', dir = '', workers = '1', until = ''] = process.argv.slice(2)
  const flow = dataflow('followed')
  const source = new PostgresChangesSource({
    connection,
    publication: 'fed',
    slot: 'fed',
    tail: until === 'tail',
    batchSize: 7,
  })
  flow
    .input('in', source)
    .pipe(
      map('row', (change): Fed => {
        const row = change.op === 'insert' ? change.after : {}
        return { key: String(row['key']), item: Number(row['item']) }
      }),
      keyOn('key', ({ key }) => key),
      statefulMap<Fed, Fed & { readonly nth: number }, number>('count', (seen, fed) => {
        const nth = (seen ?? 0) + 1
        return [nth, { ...fed, nth }]
      }),
    )
    .output('out', new PostgresSink({ connection, table: 'followed' }))
  void run(flow, {
    workers: Number(workers),
    epochInterval: 10,
    recovery: { dir, partitions: 2 },
  })
}
