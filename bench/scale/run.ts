/** `npm run bench -- --scale`: counts what crosses workers, and writes docs/scaling.md. */

import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Counted, countRun } from './counting.ts'
import { measureCosts, predict } from './model.ts'
import { scalingPage } from './page.ts'

const PAGE = fileURLToPath(new URL('../../docs/scaling.md', import.meta.url))

/** Engines that one process can hold with all their channels. */
const WHOLE = [2, 4, 8, 16, 32, 64]
const SENT = [2, 8, 32, 128, 512, 1024]
const PREDICTED = [1, 10, 100, 1000]
const LOAD = { batches: 20, items: 1000 }
const LARGE = 16_384
/** One worker, long enough that starting does not count. */
const ALONE = { batches: 600, items: 1000 }

/** Counts, measures and predicts; gives the page. */
const scale = async (command: string): Promise<string> => {
  const counted: Counted[] = []
  for (const workers of WHOLE) counted.push(await countRun(workers, LOAD))
  const alone = await countRun(1, ALONE)
  const costs = measureCosts((alone.cpuMs * 1000) / (ALONE.batches * ALONE.items))
  return scalingPage({
    command,
    date: new Date(),
    counted,
    costs,
    sent: SENT.map((workers) => predict(workers, LOAD, costs)),
    predictions: [LOAD.items, LARGE].map((items) => ({
      items,
      rows: PREDICTED.map((workers) => predict(workers, { batches: 1, items }, costs)),
    })),
  })
}

/** Writes docs/scaling.md. */
export const writeScaling = async (command: string): Promise<void> => {
  const text = await scale(command)
  writeFileSync(PAGE, text)
  process.stdout.write(`${text}\nWritten: ${PAGE}\n`)
}
