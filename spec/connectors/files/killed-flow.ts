import { fileURLToPath } from 'node:url'
import { dataflow, run, type SlotContext } from 'tidemark'
import { TransactionalFileSink } from 'tidemark/connectors/files'
import { keyOn, mapValue, statefulMap } from 'tidemark/operators'
import type { StagedFile } from '../../../connectors/files/staged-file.ts'
import { PartsSource } from '../../support/parts-source.ts'

/** Started as a process of its own, to be killed: `<directory> <workers> <place> <nth>`. */
export const PROGRAM: string = fileURLToPath(import.meta.url)

export const PLACES = ['build', 'written', 'prepared', 'committing', 'committed'] as const
type Place = (typeof PLACES)[number]

export const PARTS: readonly (readonly number[])[] = [0, 1, 2].map((part) =>
  Array.from({ length: 6000 }, (_, at) => part * 10_000 + at),
)

/** Kills its process at one place, as nothing in the process can foresee. */
class DeadlySink extends TransactionalFileSink {
  readonly #place: string
  #left: number

  constructor(dir: string, place: string, nth: number) {
    super(dir)
    this.#place = place
    this.#left = nth
  }

  override async build(
    stepId: string,
    slot: string,
    context: SlotContext,
  ): Promise<StagedFile<string | readonly [key: string, value: string]>> {
    const partition = await super.build(stepId, slot, context)
    this.#pass('build')
    const { writeBatch, prepare, commit } = partition
    partition.writeBatch = async (items) => {
      await writeBatch.call(partition, items)
      this.#pass('written')
    }
    partition.prepare = async (epoch) => {
      const staged = await prepare.call(partition, epoch)
      if (staged !== null) this.#pass('prepared')
      return staged
    }
    partition.commit = async (staged) => {
      this.#pass('committing')
      await commit.call(partition, staged)
      this.#pass('committed')
    }
    return partition
  }

  #pass(place: Place): void {
    if (place !== this.#place) return
    this.#left -= 1
    if (this.#left === 0) process.kill(process.pid, 'SIGKILL')
  }
}

const main = async ([dir = '', workers = '1', place = '', nth = '0']: readonly string[]) => {
  const flow = dataflow('killed')
  flow
    .input('in', new PartsSource(PARTS, { batchSize: 50, slow: 2 }))
    .pipe(
      keyOn('key', (item) => `k${item % 9}`),
      statefulMap<number, string, number>('count', (seen, item) => {
        const nth = (seen ?? 0) + 1
        return [nth, `k${item % 9} ${nth} ${item}`]
      }),
      mapValue('line', (line) => line),
    )
    .output('out', new DeadlySink(`${dir}/out`, place, Number(nth)))
  await run(flow, {
    workers: Number(workers),
    epochInterval: 10,
    recovery: { dir: `${dir}/store`, partitions: 2 },
  })
}

if (process.argv[1] === PROGRAM) await main(process.argv.slice(2))
