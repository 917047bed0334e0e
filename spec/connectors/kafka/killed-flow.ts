import { fileURLToPath } from 'node:url'
import { dataflow, run } from 'tidemark'
import { KafkaSink } from 'tidemark/connectors/kafka'
import { keyOn, mapValue, statefulMap } from 'tidemark/operators'
import { PartsSource } from '../../support/parts-source.ts'

/** Started as a process of its own, to be killed: `<broker> <topic> <store> <workers>`. */
export const PROGRAM: string = fileURLToPath(import.meta.url)

export const PARTS: readonly (readonly number[])[] = [0, 1, 2].map((part) =>
  Array.from({ length: 2000 }, (_, at) => part * 10_000 + at),
)

const main = async ([broker = '', topic = '', dir = '', workers = '1']: readonly string[]) => {
  const flow = dataflow('killed')
  flow
    .input('in', new PartsSource(PARTS, { batchSize: 20, slow: 10 }))
    .pipe(
      keyOn('key', (item) => `k${item % 9}`),
      statefulMap<number, string, number>('count', (seen, item) => {
        const nth = (seen ?? 0) + 1
        return [nth, JSON.stringify({ nth, item })]
      }),
      mapValue('message', (value) => ({ key: `k${JSON.parse(value).item % 9}`, value })),
    )
    .output('out', new KafkaSink({ brokers: [broker], topic, transactional: true }))
  await run(flow, {
    workers: Number(workers),
    epochInterval: 20,
    recovery: { dir, partitions: 2 },
  })
}

if (process.argv[1] === PROGRAM) await main(process.argv.slice(2))
