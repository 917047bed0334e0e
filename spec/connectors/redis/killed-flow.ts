import { fileURLToPath } from 'node:url'
import { dataflow, run } from 'tidemark'
import { RedisStreamSink } from 'tidemark/connectors/redis'
import { keyOn, statefulMap } from 'tidemark/operators'
import { PartsSource } from '../../support/parts-source.ts'

/** Started as a process of its own, to be killed: `<url> <store> <workers>`. */
export const PROGRAM: string = fileURLToPath(import.meta.url)

export const PARTS: readonly (readonly number[])[] = [0, 1, 2].map((part) =>
  Array.from({ length: 6000 }, (_, at) => part * 10_000 + at),
)

const main = async ([url = '', dir = '', workers = '1']: readonly string[]) => {
  const flow = dataflow('killed')
  flow
    .input('in', new PartsSource(PARTS, { batchSize: 20, slow: 10 }))
    .pipe(
      keyOn('key', (item) => `k${item % 9}`),
      statefulMap<number, { key: string; nth: number; item: number }, number>(
        'count',
        (seen, item) => {
          const nth = (seen ?? 0) + 1
          return [nth, { key: `k${item % 9}`, nth, item }]
        },
      ),
    )
    .output('out', new RedisStreamSink({ url, stream: 'killed' }))
  await run(flow, {
    workers: Number(workers),
    epochInterval: 10,
    recovery: { dir, partitions: 2 },
  })
}

if (process.argv[1] === PROGRAM) await main(process.argv.slice(2))
