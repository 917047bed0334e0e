import { fileURLToPath } from 'node:url'
import { PostgresSink } from 'tidemark/connectors/postgres'
import { countInto } from '../../support/killed-flow.ts'

/** Started as a process of its own, to be killed: `<connection> <store> <workers>`. */
export const PROGRAM: string = fileURLToPath(import.meta.url)

if (process.argv[1] === PROGRAM) {
  const [connection = ''] = process.argv.slice(2)
  void countInto((counts) => {
    counts.output('out', new PostgresSink({ connection, table: 'killed' }))
  })
}
