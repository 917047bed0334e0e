// What it teaches: a keyed step of your own, as an object for each key.
// What to notice: snapshot() is all there is to make it survive a crash; the engine asks for it.
// Run it: node --import tsx --conditions source samples/03-state.ts
import { dataflow, fromIterable, run, StatefulLogic } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { keyOn, map, stateful } from 'tidemark/operators'

interface Reading {
  readonly room: string
  readonly degrees: number
}

interface Rise {
  readonly last: number
  readonly steps: number
}

/** Tells when a room has become warmer three times in a row. */
class Warming extends StatefulLogic<Reading, string, Rise> {
  #rise: Rise | null

  constructor(resume: Rise | null) {
    super()
    this.#rise = resume
  }

  override onItem({ degrees }: Reading): string[] {
    const before = this.#rise
    const warmer = before !== null && degrees > before.last
    this.#rise = { last: degrees, steps: warmer ? before.steps + 1 : 0 }
    return this.#rise.steps === 3 ? [`three times warmer, now ${degrees}`] : []
  }

  override snapshot(): Rise {
    return this.#rise ?? { last: 0, steps: 0 }
  }
}

const readings: Reading[] = [18, 19, 20, 22, 21].flatMap((degrees, at) => [
  { room: 'kitchen', degrees },
  { room: 'attic', degrees: 30 - at },
])

export const flow = dataflow('state')

flow
  .input('readings', fromIterable(readings))
  .pipe(
    keyOn('room', (reading) => reading.room),
    stateful('warming', (resume: Rise | null) => new Warming(resume)),
    map('line', ([room, news]) => `${room}: ${news}`),
  )
  .output('print', new StdOutSink())

await run(flow)

// => kitchen: three times warmer, now 22
