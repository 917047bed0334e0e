import { fileURLToPath } from 'node:url'
import { KafkaSink } from 'tidemark/connectors/kafka'
import { mapValue } from 'tidemark/operators'
import { countInto } from '../../support/killed-flow.ts'

/** Started as a process of its own, to be killed: `<broker> <topic> <store> <workers>`. */
export const PROGRAM: string = fileURLToPath(import.meta.url)

if (process.argv[1] === PROGRAM) {
  const [broker = '', topic = ''] = process.argv.slice(2)
  void countInto((counts) => {
    counts
      .pipe(mapValue('message', (count) => ({ key: count.key, value: JSON.stringify(count) })))
      .output('out', new KafkaSink({ brokers: [broker], topic, transactional: true }))
  })
}
