/**
 * The messages of logical replication by `pgoutput`, protocol 1 (PostgreSQL documentation, 55.5 and 55.9):
 * whole transactions in the order of their commits, values as text.
 */
import { WireCursor } from './wire-cursor.ts'

/** A column's value: text, NULL, or `undefined` for one that was not sent because it has not changed. */
export type Tuple = readonly (string | null | undefined)[]

export interface Relation {
  readonly id: number
  readonly schema: string
  readonly table: string
  readonly columns: readonly RelationColumn[]
}

export interface RelationColumn {
  readonly name: string
  readonly type: number
  /** Whether it is a part of what tells rows apart: the replica identity. */
  readonly isKey: boolean
}

export type LogicalMessage =
  | { readonly kind: 'begin'; readonly commitLsn: bigint; readonly commitTime: number }
  | { readonly kind: 'commit'; readonly endLsn: bigint }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'insert'; readonly relation: number; readonly after: Tuple }
  | {
      readonly kind: 'update'
      readonly relation: number
      readonly before: OldTuple | null
      readonly after: Tuple
    }
  | { readonly kind: 'delete'; readonly relation: number; readonly before: OldTuple }
  | { readonly kind: 'truncate'; readonly relations: readonly number[] }
  /** Of no meaning here: types, origins, messages of an application. */
  | { readonly kind: 'other' }

/** What a row was: all of it, or only the columns of its key. */
export interface OldTuple {
  readonly isKey: boolean
  readonly values: Tuple
}

/** What comes over the replication connection. */
export type ReplicationFrame =
  | { readonly kind: 'wal'; readonly message: LogicalMessage }
  | { readonly kind: 'alive'; readonly end: bigint; readonly wantsReply: boolean }

/** Milliseconds from 1970 to 2000, whence Postgres counts. */
const EPOCH_2000 = 946_684_800_000
const OTHER: LogicalMessage = { kind: 'other' }
const IGNORED: ReadonlySet<string> = new Set(['Y', 'O', 'M'])

/** @throws ConnectorError for what is no such message */
export const replicationFrame = (bytes: Buffer): ReplicationFrame => {
  const cursor = new WireCursor(bytes)
  const kind = cursor.letter()
  if (kind === 'k') {
    const end = cursor.uint64()
    cursor.int64()
    return { kind: 'alive', end, wantsReply: cursor.byte() === 1 }
  }
  if (kind !== 'w') throw cursor.wrong(`is of the unknown kind ${JSON.stringify(kind)}`)
  cursor.uint64()
  cursor.uint64()
  cursor.int64()
  return { kind: 'wal', message: logicalMessage(cursor.rest()) }
}

/** Tells the server how far the log was received, and how far it need not be kept. */
export const statusUpdate = (status: {
  readonly received: bigint
  readonly confirmed: bigint
  readonly now: number
  readonly wantsReply: boolean
}): Buffer => {
  const bytes = Buffer.alloc(34)
  bytes.write('r', 0, 'latin1')
  bytes.writeBigUInt64BE(status.received, 1)
  bytes.writeBigUInt64BE(status.confirmed, 9)
  bytes.writeBigUInt64BE(status.confirmed, 17)
  bytes.writeBigInt64BE(BigInt(Math.trunc(status.now - EPOCH_2000)) * 1000n, 25)
  bytes.writeUInt8(status.wantsReply ? 1 : 0, 33)
  return bytes
}

export const logicalMessage = (bytes: Buffer): LogicalMessage => {
  const cursor = new WireCursor(bytes)
  const kind = cursor.letter()
  if (IGNORED.has(kind)) return OTHER
  const message = READ[kind]?.(cursor)
  if (message === undefined) throw cursor.wrong(`is of the unknown kind ${JSON.stringify(kind)}`)
  if (cursor.left > 0) throw cursor.wrong(`has ${cursor.left} bytes too many`)
  return message
}

const READ: Readonly<Record<string, (cursor: WireCursor) => LogicalMessage>> = {
  B: (cursor) => {
    const commitLsn = cursor.uint64()
    const commitTime = EPOCH_2000 + Number(cursor.int64() / 1000n)
    cursor.uint32()
    return { kind: 'begin', commitLsn, commitTime }
  },
  C: (cursor) => {
    cursor.byte()
    cursor.uint64()
    const endLsn = cursor.uint64()
    cursor.int64()
    return { kind: 'commit', endLsn }
  },
  R: (cursor) => {
    const id = cursor.uint32()
    const schema = cursor.name()
    const table = cursor.name()
    cursor.byte()
    const columns = Array.from({ length: count(cursor, cursor.int16()) }, () => columnOf(cursor))
    // Nothing stands for the schema of Postgres's own tables.
    return { kind: 'relation', relation: { id, schema: schema || 'pg_catalog', table, columns } }
  },
  I: (cursor) => {
    const relation = cursor.uint32()
    expectLetter(cursor, 'N')
    return { kind: 'insert', relation, after: tuple(cursor) }
  },
  U: (cursor) => {
    const relation = cursor.uint32()
    const mark = cursor.letter()
    const before = mark === 'N' ? null : oldTuple(cursor, mark)
    if (before !== null) expectLetter(cursor, 'N')
    return { kind: 'update', relation, before, after: tuple(cursor) }
  },
  D: (cursor) => {
    const relation = cursor.uint32()
    return { kind: 'delete', relation, before: oldTuple(cursor, cursor.letter()) }
  },
  T: (cursor) => {
    const length = count(cursor, cursor.int32())
    cursor.byte()
    return { kind: 'truncate', relations: Array.from({ length }, () => cursor.uint32()) }
  },
}

const columnOf = (cursor: WireCursor): RelationColumn => {
  const isKey = (cursor.byte() & 1) === 1
  const name = cursor.name()
  const type = cursor.uint32()
  cursor.int32()
  return { name, type, isKey }
}

const oldTuple = (cursor: WireCursor, mark: string): OldTuple => {
  if (mark !== 'K' && mark !== 'O') {
    throw cursor.wrong(`has ${JSON.stringify(mark)} where a row begins`)
  }
  return { isKey: mark === 'K', values: tuple(cursor) }
}

const tuple = (cursor: WireCursor): Tuple =>
  Array.from({ length: count(cursor, cursor.int16()) }, () => columnValue(cursor))

const columnValue = (cursor: WireCursor): string | null | undefined => {
  const kind = cursor.letter()
  if (kind === 't') return cursor.text(cursor.int32())
  if (kind === 'n') return null
  if (kind === 'u') return undefined
  throw cursor.wrong(`has a value of the unknown kind ${JSON.stringify(kind)}`)
}

const expectLetter = (cursor: WireCursor, letter: string): void => {
  const found = cursor.letter()
  if (found !== letter) throw cursor.wrong(`has ${JSON.stringify(found)} where ${letter} stands`)
}

/** Each of what is counted takes a byte at least: nothing is made room for that can't be there. */
const count = (cursor: WireCursor, claimed: number): number => {
  if (claimed >= 0 && claimed <= cursor.left) return claimed
  throw cursor.wrong(`counts ${claimed} parts in ${cursor.left} bytes`)
}
