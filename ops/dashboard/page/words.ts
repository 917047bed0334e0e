import { span } from '../../doctor/finding.ts'

export { percent, span } from '../../doctor/finding.ts'

const THOUSANDS = ['', 'k', 'M', 'G', 'T']

/** `7`, `950`, `1.2k`, `34k`, `5.6M`. */
export const count = (number: number): string => {
  let rest = number
  let at = 0
  while (rest >= 999.5 && at < THOUSANDS.length - 1) {
    rest /= 1000
    at += 1
  }
  return `${shortened(rest)}${THOUSANDS[at]}`
}

const shortened = (number: number): string =>
  number >= 9.95 || Number.isInteger(number) ? String(Math.round(number)) : number.toFixed(1)

export const rate = (perSecond: number): string => `${count(perSecond)}/s`

const BYTES = ['B', 'KiB', 'MiB', 'GiB']

export const bytes = (number: number): string => {
  let rest = number
  let at = 0
  while (rest >= 1000 && at < BYTES.length - 1) {
    rest /= 1024
    at += 1
  }
  return `${shortened(rest)} ${BYTES[at]}`
}

export const millis = (number: number): string => (number === 0 ? '0 ms' : someMillis(number))

const someMillis = (number: number): string =>
  number < 10 ? `${number.toFixed(number < 1 ? 2 : 1)} ms` : span(number)

/** `14:03:07` of the reader's own day. */
export const clock = (time: number): string =>
  new Date(time).toLocaleTimeString('en-GB', { hour12: false })
