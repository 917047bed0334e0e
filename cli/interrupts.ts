const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** What the command can do when it is told to go. */
export interface Stopping {
  /** The first time: stop cleanly. */
  stop(): void
  /** The second time: leave at once. */
  leave(): never
}

/** Listens to SIGINT and SIGTERM; gives what ends that. */
export const onInterrupt = ({ stop, leave }: Stopping): (() => void) => {
  let times = 0
  const hear = (): void => {
    times += 1
    if (times === 1) stop()
    else leave()
  }
  for (const signal of SIGNALS) process.on(signal, hear)
  return () => {
    for (const signal of SIGNALS) process.off(signal, hear)
  }
}
