/** One thing that was found about a flow. */
export interface Finding {
  readonly about: 'flow' | 'watermark' | 'skew' | 'speed' | 'recovery' | 'errors'
  /** `bad` makes the flow unhealthy; a `note` is for a person to judge. */
  readonly level: 'good' | 'note' | 'bad'
  /** A sentence, with what to do where something is to be done. */
  readonly says: string
}

export const good = (about: Finding['about'], says: string): Finding => ({
  about,
  level: 'good',
  says,
})

export const note = (about: Finding['about'], says: string): Finding => ({
  about,
  level: 'note',
  says,
})

export const bad = (about: Finding['about'], says: string): Finding => ({
  about,
  level: 'bad',
  says,
})

/** Milliseconds in words: `850 ms`, `12 s`, `3 min`, `5 h`, `2 days`. */
export const span = (millis: number): string => {
  if (millis < 1000) return `${Math.round(millis)} ms`
  for (const [unit, length, most] of UNITS) {
    if (millis < most * length) return `${Math.round(millis / length)} ${unit}`
  }
  return `${Math.round(millis / 86_400_000)} days`
}

const UNITS: readonly (readonly [unit: string, length: number, most: number])[] = [
  ['s', 1000, 120],
  ['min', 60_000, 120],
  ['h', 3_600_000, 48],
]

export const percent = (share: number): string => `${Math.round(share * 100)} %`
