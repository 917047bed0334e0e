import { ConnectorError } from '../../lib/errors/errors.ts'
import { type Replication, sqlState } from './driver.ts'
import { lsnOf, lsnText } from './lsn.ts'

/** What is followed: a slot, and the publications whose tables it tells of. */
export interface Following {
  readonly slot: string
  readonly publications: readonly string[]
}

/** What the server says before the stream begins. */
export interface SlotFacts {
  /** How far changes need not be sent again. */
  readonly confirmed: bigint
  /** The end of the log. */
  readonly end: bigint
}

const SLOTS_FULL = '53400'
const NO_SUCH_OBJECT = '42704'
const FORBIDDEN = '42501'
const IN_USE = '55006'

/** Whether a slot is read by somebody else, who may be a connection that the server has not missed yet. */
export const isInUse = (error: unknown): boolean => sqlState(error) === IN_USE

/**
 * Looks at all that the stream needs, and makes the slot where it is missing.
 *
 * @param resume - the place from which changes are wanted, where one is known
 * @throws ConnectorError with the command that mends what is wrong
 */
export const prepareSlot = async (
  replication: Replication,
  following: Following,
  resume: bigint | null,
): Promise<SlotFacts> => {
  await checkServer(replication, following)
  const slot = (await find(replication, following)) ?? (await make(replication, following, resume))
  const confirmed = checkedSlot(slot, following, resume)
  const [log] = await replication.query(
    'SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END)::text AS end_lsn',
  )
  return { confirmed, end: lsnOf(log?.['end_lsn']) }
}

/** The command by which a slot is read from a place. */
export const startCommand = ({ slot, publications }: Following, from: bigint): string =>
  `START_REPLICATION SLOT ${slot} LOGICAL ${lsnText(from)} (proto_version '1', publication_names ${literal(publications.map(identifier).join(','))})`

/** What Postgres refuses, with what to do about it. */
export const explained = (error: unknown, { slot, publications }: Following): unknown => {
  const state = sqlState(error)
  const advice = new Map<string | null, string>([
    [
      SLOTS_FULL,
      'Drop a slot that nobody reads (pg_drop_replication_slot), or raise max_replication_slots and start the server again.',
    ],
    [
      NO_SUCH_OBJECT,
      `A publication tells only of changes behind its making. If ${publications.join(', ')} was made behind slot "${slot}", drop the slot and begin anew: SELECT pg_drop_replication_slot('${slot}').`,
    ],
    [FORBIDDEN, 'Let the role replicate: ALTER ROLE name REPLICATION.'],
  ]).get(state)
  if (!(error instanceof ConnectorError) || advice === undefined) return error
  return new ConnectorError(`${error.message}. ${advice}`, { cause: error.cause })
}

const checkServer = async (
  replication: Replication,
  { publications }: Following,
): Promise<void> => {
  const [setting] = await replication.query('SHOW wal_level')
  if (setting?.['wal_level'] !== 'logical') {
    throw new ConnectorError(
      `Postgres has wal_level = ${String(setting?.['wal_level'])}, and changes are told only with logical: run ALTER SYSTEM SET wal_level = logical, and start the server again.`,
    )
  }
  const rows = await replication.query('SELECT pubname::text AS name FROM pg_publication')
  const names = new Set(rows.map(({ name }) => name))
  for (const name of publications) {
    if (names.has(name)) continue
    throw new ConnectorError(
      `There is no publication "${name}" in this database. Make it: CREATE PUBLICATION ${identifier(name)} FOR TABLE ...`,
    )
  }
}

type SlotRow = Readonly<Record<string, unknown>>

const find = async (replication: Replication, { slot }: Following): Promise<SlotRow | null> => {
  const rows = await replication.query(
    `SELECT *, confirmed_flush_lsn::text AS confirmed, database = current_database() AS is_here FROM pg_replication_slots WHERE slot_name = ${literal(slot)}`,
  )
  return rows[0] ?? null
}

const make = async (
  replication: Replication,
  following: Following,
  resume: bigint | null,
): Promise<SlotRow | null> => {
  const { slot } = following
  if (resume !== null) {
    throw new ConnectorError(
      `Replication slot "${slot}" is gone, and with it the changes behind ${lsnText(resume)}, up to which the flow has read. Begin anew: without this recovery store, from a copy of the tables.`,
    )
  }
  await replication.query(
    `SELECT 1 FROM pg_create_logical_replication_slot(${literal(slot)}, 'pgoutput')`,
  )
  return find(replication, following)
}

const checkedSlot = (found: SlotRow | null, { slot }: Following, resume: bigint | null): bigint => {
  const wrong = (what: string): ConnectorError =>
    new ConnectorError(`Replication slot "${slot}" ${what}`)
  if (found?.['slot_type'] !== 'logical' || found['plugin'] !== 'pgoutput') {
    throw wrong('is not one of pgoutput, which is needed here. Choose another name.')
  }
  if (found['is_here'] !== true) {
    throw wrong(
      `is of database "${String(found['database'])}", not of the one in \`connection\`. Choose another name.`,
    )
  }
  if (found['wal_status'] === 'lost') {
    throw wrong(
      `was invalidated, since the server did not keep its log (max_slot_wal_keep_size): changes are lost. Drop it, SELECT pg_drop_replication_slot('${slot}'), and begin anew.`,
    )
  }
  const confirmed = lsnOf(found['confirmed'])
  if (resume === null || confirmed <= resume) return confirmed
  throw wrong(
    `is confirmed up to ${lsnText(confirmed)}, and the flow has read up to ${lsnText(resume)}: what lies between is gone. Somebody else reads the slot or moved it, or the recovery store was replaced by an older one; give each flow a slot of its own, and begin anew.`,
  )
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
