import type { Runtime, Timer } from '../lib/runtime/runtime.ts'
import type { Messaging, Subscription } from './messaging.ts'

/** An interruption as short as this is nothing to speak of: milliseconds. */
const BLINK = 1000

/** Tells of the way to NATS: that it is interrupted, and that it is open again. */
export const tellOfOutages = (
  messaging: Pick<Messaging, 'onState'>,
  to: {
    readonly runtime: Runtime
    readonly report: (level: 'info' | 'warn', said: string) => void
  },
): Subscription => {
  const { runtime, report } = to
  let timer: Timer | null = null
  let began = 0
  let isTold = false
  const watching = messaging.onState((state) => {
    timer?.cancel()
    timer = null
    if (state === 'up' && isTold) {
      const seconds = Math.round((runtime.monotonic() - began) / 1000)
      report('info', `NATS is there again after ${seconds} s; the flow goes on`)
      isTold = false
    }
    if (state !== 'down') return
    began = runtime.monotonic()
    timer = runtime.after(BLINK, () => {
      isTold = true
      report('warn', 'NATS is away: the flow stands still until it is there again')
    })
  })
  return {
    end: () => {
      timer?.cancel()
      watching.end()
    },
  }
}
