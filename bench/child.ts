/** One variant of one workload in a process of its own; prints what it measured as one JSON line. */

import { loadWorkload } from './catalog.ts'
import { type Answer, MARK, type Order } from './protocol.ts'
import { WrongResultError } from './workload.ts'

const answer = async ({ workload: id, variant, pace }: Order): Promise<Answer> => {
  try {
    const workload = await loadWorkload(id)
    return { kind: 'sample', sample: await workload.measure(variant, pace) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { kind: error instanceof WrongResultError ? 'wrong' : 'failed', message }
  }
}

const order: Order = JSON.parse(process.argv[2] ?? '')
process.stdout.write(`${MARK}${JSON.stringify(await answer(order))}\n`)
