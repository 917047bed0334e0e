import { WatermarkClock } from 'tidemark/operators'

interface Dated {
  readonly dateTime: number
}

/** Tells the time of whatever is dated; the source says how far time has come. */
export const eventTime = <T extends Dated>(): WatermarkClock<T> =>
  new WatermarkClock<T>({ timestamp: (event) => event.dateTime })

const DAY = 86_400_000

/** Days since 1970, UTC. */
export const dayOf = ({ dateTime }: Dated): number => Math.floor(dateTime / DAY)

/** Every window of the benchmark is counted from here. */
export const ALIGN_TO = 0
