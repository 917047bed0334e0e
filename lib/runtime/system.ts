import type { Runtime, Timer } from './runtime.ts'

/** `setTimeout` counts in 32 bits: a longer delay would fire at once, so it is waited for in legs. */
const LONGEST_LEG = 2 ** 31 - 1

const after = (delay: number, task: () => void): Timer => {
  let remaining = Math.max(0, delay)
  let handle: NodeJS.Timeout | undefined
  const leg = () => {
    const wait = Math.min(remaining, LONGEST_LEG)
    remaining -= wait
    handle = setTimeout(remaining > 0 ? leg : task, wait)
  }
  leg()
  return { cancel: () => clearTimeout(handle) }
}

/** The runtime of a real process: its clock, its event loop, its randomness. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after,
  soon: (task) => {
    setImmediate(task)
  },
  random: () => Math.random(),
}
