import { createHash } from 'node:crypto'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { WriteAheadPartition } from '../../lib/flow/sink.ts'
import type { Connection, RedisArgument } from './driver.ts'

/** A command on one key; the key stands between its name and the rest. */
export interface RedisCommand {
  readonly name: 'XADD' | 'HSET' | 'HDEL'
  readonly key: string
  readonly args: readonly RedisArgument[]
}

/** Where a slot's fence and marker lie. */
interface SlotPlace {
  readonly step: string
  readonly slot: string
  readonly execution: number
  /** The hash of markers. */
  readonly markers: string
  /** Whether the marker means anything to this run: without a store, epochs begin anew each time. */
  readonly recovery: boolean
}

export interface RedisSlotEnds<T> {
  readonly connection: Connection
  readonly place: SlotPlace
  /** What all keys must hold, if anything. */
  readonly type: 'stream' | 'hash'
  readonly commands: (items: readonly T[]) => readonly RedisCommand[]
  readonly closed: () => Promise<void>
}

/** Commands and bytes that Redis does in one go; others wait that long. */
const MOST_COMMANDS = 1000
const MOST_BYTES = 1024 * 1024

/** A marker is `execution|last whole epoch|begun epoch|commands of it`. */
const MARKER = /^(\d+)\|(\d*)\|(\d*)\|(\d+)$/

const FENCE = `
local found = redis.call('HGET', KEYS[1], ARGV[1])
if found and ARGV[3] == '1' then
  local execution, rest = string.match(found, '^(%d+)(|.*)$')
  if not execution or tonumber(execution) > tonumber(ARGV[2]) then return 'fenced' end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. rest)
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '|||0')
end
return 'ok'`

/**
 * All is looked at before the first write, so that nothing can fail half-way: who owns the slot, what
 * is written already, and that the keys hold what they should.
 */
const DELIVER = `
local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local execution, whole, begun, at = string.match(found, '^(%d+)|(%d*)|(%d*)|(%d+)$')
if execution ~= ARGV[2] then return 'fenced' end
if whole ~= '' and tonumber(whole) >= tonumber(ARGV[3]) then return 'whole' end
if begun ~= ARGV[3] then at = '0' end
if at ~= ARGV[4] then return at end
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'none' and kind ~= ARGV[7] then
    return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' holds a ' .. kind .. ', not a ' .. ARGV[7])
  end
end
local place = 8
while place <= #ARGV do
  local count = tonumber(ARGV[place])
  local key = KEYS[tonumber(ARGV[place + 2])]
  redis.call(ARGV[place + 1], key, unpack(ARGV, place + 3, place + 2 + count))
  place = place + 3 + count
end
if ARGV[6] == '1' then
  redis.call('HSET', KEYS[1], ARGV[1], execution .. '|' .. ARGV[3] .. '||0')
else
  redis.call('HSET', KEYS[1], ARGV[1], execution .. '|' .. whole .. '|' .. ARGV[3] .. '|' .. ARGV[5])
end
return 'ok'`

/**
 * One slot of what goes to Redis.
 *
 * R1. Commands and marker change in one script, which Redis does as a whole or not at all.
 * R2. A long epoch goes in pieces; the marker names how many of its commands are done. The items were
 *     kept before, so they are the same commands each time.
 * R3. The script does nothing for an execution that the marker does not name.
 */
export class RedisSlot<T> extends WriteAheadPartition<T> {
  readonly #ends: RedisSlotEnds<T>
  readonly #field: string

  constructor(ends: RedisSlotEnds<T>) {
    super()
    this.#ends = ends
    this.#field = `${ends.place.step}/${ends.place.slot}`
  }

  override async fence(execution: number): Promise<void> {
    const { connection, place } = this.#ends
    const answer = await run(connection, FENCE, {
      keys: [place.markers],
      args: [this.#field, String(execution), place.recovery ? '1' : '0'],
    })
    if (answer !== 'ok') throw this.#fenced(execution)
  }

  override async delivered(): Promise<number | null> {
    const { connection, place } = this.#ends
    const found = await connection.call('HGET', place.markers, this.#field)
    const whole = MARKER.exec(found === null ? '' : String(found))?.[2] ?? ''
    return whole === '' ? null : Number(whole)
  }

  override async deliver(epoch: number, items: T[]): Promise<void> {
    const commands = this.#ends.commands(items)
    let at = 0
    while (at < commands.length) {
      const until = endOfPiece(commands, at)
      const answer = await this.#write(commands.slice(at, until), {
        epoch,
        at,
        until,
        isLast: until === commands.length,
      })
      if (answer === 'fenced') throw this.#fenced(this.#ends.place.execution)
      if (answer === 'whole') return
      at = answer === 'ok' ? until : Number(answer)
    }
  }

  override close(): Promise<void> {
    return this.#ends.closed()
  }

  #write(
    commands: readonly RedisCommand[],
    piece: {
      readonly epoch: number
      readonly at: number
      readonly until: number
      readonly isLast: boolean
    },
  ): Promise<string> {
    const { connection, place, type } = this.#ends
    const keys = [place.markers]
    const numbers = new Map<string, number>()
    const encoded: RedisArgument[] = []
    for (const { name, key, args } of commands) {
      const number = numbers.get(key) ?? keys.push(key)
      numbers.set(key, number)
      encoded.push(args.length, name, number)
      for (const argument of args) encoded.push(argument)
    }
    const head = [this.#field, place.execution, piece.epoch, piece.at, piece.until].map(String)
    return run(connection, DELIVER, {
      keys,
      args: [...head, piece.isLast ? '1' : '0', type, ...encoded],
    })
  }

  #fenced(execution: number): ConnectorError {
    const { step, slot, markers } = this.#ends.place
    return new ConnectorError(
      `Slot ${slot} of step "${step}" is written by a later execution than this one (${execution}): another process runs the flow, its recovery store was replaced by an older or new one, or Redis has lost the markers. Stop one of them; or, to begin anew, delete the fields of step "${step}" from the hash "${markers}".`,
    )
  }
}

const endOfPiece = (commands: readonly RedisCommand[], from: number): number => {
  let until = from
  for (let bytes = 0; until < commands.length && until - from < MOST_COMMANDS; until += 1) {
    for (const argument of commands[until]?.args ?? []) bytes += sizeOf(argument)
    if (bytes > MOST_BYTES && until > from) break
  }
  return until
}

const sizeOf = (argument: RedisArgument): number =>
  typeof argument === 'number' ? 8 : argument.length

/** Redis keeps scripts by their hash, and forgets them when it restarts. */
const run = async (
  connection: Connection,
  script: string,
  { keys, args }: { readonly keys: readonly string[]; readonly args: readonly RedisArgument[] },
): Promise<string> => {
  const given = [keys.length, ...keys, ...args]
  try {
    return String(await connection.call('EVALSHA', hashOf(script), ...given))
  } catch (error) {
    if (!(error instanceof ConnectorError && error.message.includes('NOSCRIPT'))) throw error
    return String(await connection.call('EVAL', script, ...given))
  }
}

const hashOf = (script: string): string => createHash('sha1').update(script).digest('hex')
