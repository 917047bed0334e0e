// What it teaches: a property of a flow, held through crashes, on any number of workers, from a seed.
// What to notice: state in a closure is gone after a crash; state of an operator is not.
// Run it: node --import tsx --conditions source samples/09-simulated.ts
import { type Dataflow, dataflow, fromIterable, type KeyedStream } from 'tidemark'
import { dedupe, filterValue, keyOn } from 'tidemark/operators'
import { checkFlow, FlowCheckError, TestingSink } from 'tidemark/testing'

interface Payment {
  readonly id: number
  readonly customer: string
}

const payments = (once: (up: KeyedStream<Payment>) => KeyedStream<Payment>): Dataflow => {
  const flow = dataflow('payments')
  once(
    flow
      .input('payments', fromIterable<Payment>([]))
      .pipe(keyOn('by customer', ({ customer }) => customer)),
  ).output('pay', new TestingSink())
  return flow
}

/** The planted bug: what was paid is remembered where no snapshot finds it. */
const forgetful = (): Dataflow => {
  const paid = new Set<number>()
  const isNew = ({ id }: Payment): boolean => !paid.has(id) && paid.add(id) !== null
  return payments(filterValue('once', isNew))
}

const sound = (): Dataflow => payments(dedupe('once', ({ id }) => id))

/** Makes payments, some of them twice; fast-check's arbitraries have the same shape. */
const anyPayments = {
  generate: (random: { nextInt(min: number, max: number): number }) => ({
    value: Array.from({ length: random.nextInt(40, 80) }, (): Payment => {
      const id = random.nextInt(1, 9)
      return { id, customer: id % 2 === 0 ? 'Ada' : 'Grace' }
    }),
  }),
  *shrink(all: Payment[]): Generator<{ value: Payment[] }> {
    for (const each of all) yield { value: all.filter((other) => other !== each) }
  },
}

const options = { runs: 40, faults: { crashes: 3, within: 200 } }
for (const flow of [forgetful, sound]) {
  try {
    await checkFlow(flow, anyPayments, options)
    console.log(`${flow.name}: the same results, however it is run`)
  } catch (error) {
    if (!(error instanceof FlowCheckError)) throw error
    console.log(`${flow.name}: something else after a crash: ${error.message.includes('crash')}`)
  }
}

// => forgetful: something else after a crash: true
// => sound: the same results, however it is run
