import { fileURLToPath } from 'node:url'
import { JetStreamSink } from 'tidemark/connectors/nats'
import { type Count, countInto } from '../../support/killed-flow.ts'

/** Started as a process of its own, to be killed: `<servers> <stream> <store> <workers>`. */
export const PROGRAM: string = fileURLToPath(import.meta.url)

if (process.argv[1] === PROGRAM) {
  const [servers = '', stream = ''] = process.argv.slice(2)
  const subject = ([key]: readonly [string, Count]): string => `${stream}.${key}`
  void countInto((counts) => {
    counts.output('out', new JetStreamSink({ servers, subject }))
  })
}
