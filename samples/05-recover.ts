// What it teaches: with a recovery directory, a run goes on where the last committed epoch ended.
// What to notice: the crash costs nothing: no payment is counted twice, and none is lost.
// Run it: node --import tsx --conditions source samples/05-recover.ts
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AbortExecution, dataflow, run } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { keyOn, map, statefulMap } from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'

const payments = new TestingSource([
  { from: 'Ada', amount: 10 },
  { from: 'Grace', amount: 5 },
  TestingSource.ABORT, // what a power cut does, once
  { from: 'Ada', amount: 7 },
])

export const flow = dataflow('recover')

flow
  .input('payments', payments)
  .pipe(
    keyOn('payer', (payment) => payment.from),
    statefulMap('total', (total: number | null, { amount }) => {
      const next = (total ?? 0) + amount
      return [next, next]
    }),
    map('line', ([payer, total]) => `${payer} has paid ${total}`),
  )
  .output('print', new StdOutSink())

const dir = await mkdtemp(join(tmpdir(), 'tidemark-'))
const options = { recovery: { dir }, epochInterval: 0 }
try {
  await run(flow, options)
} catch (error) {
  if (!(error instanceof AbortExecution)) throw error
  console.log('-- crashed; run again --')
  await run(flow, options)
} finally {
  await rm(dir, { recursive: true })
}

// => Ada has paid 10
// => Grace has paid 5
// => -- crashed; run again --
// => Ada has paid 17
