import { createRequire } from 'node:module'
import type { DateTime, Duration } from 'luxon'

type Luxon = typeof import('luxon')

let loaded: Luxon | undefined

/** luxon stands at the door only, so it is loaded when the first flow asks for it. */
const luxon = (): Luxon => {
  loaded ??= createRequire(import.meta.url)('luxon') as Luxon
  return loaded
}

/** An instant in epoch milliseconds as a luxon `DateTime` in UTC. */
export const dateTimeOf = (epochMs: number): DateTime =>
  luxon().DateTime.fromMillis(epochMs, { zone: 'utc' })

/** A calendar-free reading of luxon's duration units, in milliseconds. */
export const millisOfUnits = (units: object): number =>
  luxon()
    .Duration.fromObject(units as Parameters<typeof Duration.fromObject>[0])
    .toMillis()
