// Counts over a store whose disk fails under it: `<store> <seconds to watch>`. Prints a line of JSON
// for each alarm and, when the time is over or the counting is through, one for the end.
import { fileURLToPath } from 'node:url'
import { RecoveryStore, systemRuntime } from 'tidemark'
import { Counting } from './counting.ts'

export const PROGRAM: string = fileURLToPath(import.meta.url)
export const TICKS = 2500

/** What the flow has to say of itself. */
export interface Told {
  readonly what: 'alarm' | 'full' | 'end'
  readonly message?: string
  readonly committed: number
  readonly items: number
  readonly failures: number
}

const main = async ([dir = '', waits = '']: readonly string[]) => {
  const counting = new Counting(systemRuntime)
  const store = await RecoveryStore.open(dir)
  if (waits !== 'forever') counting.ticks.end = TICKS
  const execution = counting.start(store)
  const tell = (what: Told['what'], message?: string): void => {
    const { committed, sink } = counting
    const failures = counting.alarms.length
    const told: Told = { what, committed, items: sink.items.length, failures }
    process.stdout.write(`${JSON.stringify(message === undefined ? told : { ...told, message })}\n`)
  }
  counting.onAlarm = () => tell('alarm', counting.alarms.at(-1) ?? '')
  const watch = (before: number): void => {
    systemRuntime.after(1000, () => {
      const now = counting.sink.items.length
      if (now === before && counting.alarms.length > 0) tell('full')
      watch(now)
    })
  }
  if (waits === 'forever') watch(-1)
  await execution.done
  counting.checkCounts()
  tell('end')
  process.exit(0)
}

if (process.argv[1] === PROGRAM) await main(process.argv.slice(2))
