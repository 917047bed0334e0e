import { fileURLToPath } from 'node:url'
import { RedisStreamSink } from 'tidemark/connectors/redis'
import { countInto } from '../../support/killed-flow.ts'

/** Started as a process of its own, to be killed: `<url> <store> <workers>`. */
export const PROGRAM: string = fileURLToPath(import.meta.url)

if (process.argv[1] === PROGRAM) {
  const [url = ''] = process.argv.slice(2)
  void countInto((counts) => {
    counts.output('out', new RedisStreamSink({ url, stream: 'killed' }))
  })
}
