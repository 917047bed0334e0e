import { ConnectorError } from '../../lib/errors/errors.ts'

const LSN = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i

/** The byte of the write-ahead log that `16/B374D848` names. */
export const lsnOf = (text: unknown): bigint => {
  const [, high, low] = typeof text === 'string' ? (LSN.exec(text) ?? []) : []
  if (high !== undefined && low !== undefined)
    return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
  throw new ConnectorError(
    `"${String(text)}" is no place in a write-ahead log of Postgres, such as 16/B374D848.`,
  )
}

/** The name of a byte of the write-ahead log, as Postgres writes it. */
export const lsnText = (lsn: bigint): string =>
  `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase()
