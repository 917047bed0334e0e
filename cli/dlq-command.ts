import { rm, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  itemOf,
  type KeptLetter,
  type LettersFound,
  markRetried,
  readLetters,
} from '../connectors/files/dead-letter-file.ts'
import { FileDeadLetter } from '../connectors/files/file-dead-letter.ts'
import { BuildError } from '../lib/errors/errors.ts'
import { preview } from '../lib/errors/preview.ts'
import type { Dataflow } from '../lib/flow/dataflow.ts'
import { adoptRuns } from '../lib/run/adoption.ts'
import type { RunOptions } from '../lib/run/options.ts'
import { start } from '../lib/run/run.ts'
import { type RetryItem, retryFlow, statefulBehind } from '../ops/dlq/retry-flow.ts'
import { DONE, FAILED, type World } from './exit.ts'
import { findFlow } from './find-flow.ts'
import { parseModuleSpec } from './module-spec.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'

interface Choice {
  readonly step?: string
}

export interface ListFlags extends Choice {
  readonly all?: boolean
  readonly json?: boolean
}

export interface RetryFlags extends Choice {
  readonly recoveryDirectory?: string
  readonly limit?: string
  readonly withoutState?: boolean
}

/** One retry is one epoch: it holds its items in memory. */
const MOST_AT_ONCE = 10_000

/** Prints the letters of a dead-letter file that wait; gives the exit code. */
export const listLetters = async (
  file: string,
  flags: ListFlags,
  { print, directory, terminal }: World,
): Promise<number> => {
  const found = await readLetters(resolve(directory, file))
  checkIsOurs(file, found)
  warnOfDamage(file, found, terminal)
  const chosen = found.letters.filter(
    (letter) => isOf(letter, flags.step) && (flags.all === true || !letter.retried),
  )
  if (flags.json === true) {
    print(JSON.stringify(chosen.map(shown), null, 2))
    return DONE
  }
  for (const letter of chosen) print(pageOf(letter))
  print(summaryOf(file, chosen, found))
  return DONE
}

/** Gives the letters that wait back to the steps that they failed in; gives the exit code. */
export const retryLetters = async (
  file: string,
  target: string,
  { flags, world }: { readonly flags: RetryFlags; readonly world: World },
): Promise<number> => {
  const { print, directory, terminal } = world
  const path = resolve(directory, file)
  const found = await readLetters(path, { items: true })
  checkIsOurs(file, found)
  warnOfDamage(file, found, terminal)
  const waiting = found.letters.filter((letter) => isOf(letter, flags.step) && !letter.retried)
  const whole = waiting.filter(({ item }) => item !== undefined).slice(0, limitOf(flags.limit))
  if (whole.length === 0) {
    print(`Nothing of ${file} is to be tried again.${lostOf(waiting)}`)
    return DONE
  }
  try {
    const { flow, options } = await findFlow(parseModuleSpec(target), directory)
    const again = await freePath(path)
    const items = whole.map((letter) => itemFor(flow, letter))
    await giveBack({
      flow,
      items,
      again,
      options: optionsOf({ flow, items, flags, options, world }),
    })
    await markRetried(
      path,
      whole.map(({ id }) => id),
    )
    const failed = (await exists(again)) ? (await readLetters(again)).letters.length : 0
    print(
      `Tried ${whole.length} of ${waiting.length} items again: ${whole.length - failed} went through${failed === 0 ? '' : `, ${failed} failed again and wait in ${again}`}.${lostOf(waiting)}`,
    )
    return failed === 0 ? DONE : FAILED
  } catch (cause) {
    if (cause instanceof BuildError) throw new UsageError(cause.message, { cause })
    throw cause
  } finally {
    adoptRuns(null)
  }
}

/** Runs the flow over the items, in one epoch: all of them count, or none does. */
const giveBack = async (asked: {
  readonly flow: Dataflow
  readonly items: readonly RetryItem[]
  readonly again: string
  readonly options: RunOptions
}): Promise<void> => {
  const { flow, items, again, options } = asked
  const durable = options.recovery !== undefined
  const deadLetter = new FileDeadLetter(again)
  const ends = { stop: (): void => {} }
  const through = (): void => ends.stop()
  const retried = retryFlow(flow, { items, whole: durable, deadLetter, through })
  const execution = start(retried, { ...options, onError: { deadLetter } })
  // With a store windows stay open and totals are carried on; without one nothing carries them on.
  ends.stop = () => void execution.stop({ drain: !durable }).catch(() => {})
  try {
    await execution.done
  } catch (error) {
    // Nothing counts as tried again, so nothing may be kept twice.
    await rm(again, { force: true })
    throw error
  }
}

const A_DAY = 86_400_000

const optionsOf = (asked: {
  readonly flow: Dataflow
  readonly items: readonly RetryItem[]
  readonly flags: RetryFlags
  readonly options: RunOptions
  readonly world: World
}): RunOptions => {
  const { flow, items, flags, options, world } = asked
  const dir =
    flags.recoveryDirectory ?? (world.variables['TIDEMARK_RECOVERY_DIRECTORY'] || undefined)
  const recovery = dir === undefined ? options.recovery : { dir: resolve(world.directory, dir) }
  const stateful = recovery === undefined ? statefulBehind(flow, items) : []
  if (stateful.length > 0 && flags.withoutState !== true) {
    throw new UsageError(
      `Behind the failed items lie steps that keep state or a position: ${stateful.join(', ')}. Stop the flow and name its store with --recovery-directory, so that they go on from it; --without-state lets them begin anew, and a file sink then replaces its file.`,
    )
  }
  return {
    logger: world.terminal.logger,
    epochInterval: A_DAY,
    ...(recovery === undefined ? {} : { recovery }),
  }
}

const itemFor = (flow: Dataflow, letter: KeptLetter): RetryItem => {
  const prefix = `${flow.id}.`
  if (!letter.step.startsWith(prefix)) {
    throw new UsageError(
      `The letter ${letter.id} failed in "${letter.step}", and the module gives the flow "${flow.id}": name the module of that flow.`,
    )
  }
  return {
    step: letter.step.slice(prefix.length),
    input: letter.input ?? 0,
    key: letter.key,
    item: itemOf(letter),
  }
}

const isOf = ({ step }: KeptLetter, asked: string | undefined): boolean =>
  asked === undefined || step === asked || step.slice(step.indexOf('.') + 1) === asked

const limitOf = (text: string | undefined): number => {
  if (text === undefined) return MOST_AT_ONCE
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text)
  throw new UsageError(`--limit takes a whole number of items, as in --limit 100; got "${text}".`)
}

const exists = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => null)) !== null

const MOST_RETRIES = 10_000

/** Where items go that fail again: `x.retry-1.jsonl` beside `x.jsonl`. */
const freePath = async (path: string): Promise<string> => {
  const [, stem = path, ending = ''] = /^(.*?)(\.\w+)?$/.exec(path) ?? []
  for (let number = 1; number < MOST_RETRIES; number++) {
    const free = `${stem}.retry-${number}${ending}`
    if (!(await exists(free))) return free
  }
  throw new UsageError(`There are ${MOST_RETRIES} files "${stem}.retry-…" already: move some away.`)
}

const shown = ({ item, ...letter }: LettersFound['letters'][number]) => ({
  ...letter,
  whole: item !== undefined,
})

const pageOf = ({ id, time, step, key, part, source, epoch, error, ...rest }: KeptLetter): string =>
  [
    `${id}  ${time}  ${step} (${rest.callback})`,
    `  item    ${rest.preview}${key === undefined ? '' : `, key ${preview(key)}`}`,
    `  error   ${preview(error.name).slice(1, -1)}: ${oneLine(error.message)}${error.at === undefined ? '' : ` (at ${error.at})`}`,
    `  read    ${part === undefined ? '' : `${source ?? ''} partition ${preview(part)}, `}epoch ${epoch}, worker ${rest.worker}`,
    ...(rest.lost === undefined ? [] : [`  lost    can't be tried again: ${oneLine(rest.lost)}`]),
  ].join('\n')

const LONGEST_MESSAGE = 300

/** What a file holds may be anything: nothing of it moves the cursor. */
const oneLine = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be kept out.
  text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, LONGEST_MESSAGE)

const summaryOf = (
  file: string,
  chosen: LettersFound['letters'],
  { letters }: LettersFound,
): string => {
  const waiting = letters.filter(({ retried }) => !retried).length
  const counts = new Map<string, number>()
  for (const { step } of chosen) counts.set(step, (counts.get(step) ?? 0) + 1)
  const bySteps = [...counts].map(([step, count]) => `${count} of ${step}`).join(', ')
  return `${file}: ${chosen.length} shown${bySteps === '' ? '' : ` (${bySteps})`}, ${waiting} wait, ${letters.length - waiting} were tried again.`
}

const lostOf = (waiting: readonly KeptLetter[]): string => {
  const lost = waiting.filter(({ item }) => item === undefined).length
  return lost === 0
    ? ''
    : ` ${lost} could not be kept whole and can't be tried again: tidemark dlq list says why.`
}

/** One line alone may have been cut short by a crash; several are no letters at all. */
const checkIsOurs = (file: string, { letters, damaged }: LettersFound): void => {
  if (letters.length > 0 || damaged.length < 2) return
  throw new UsageError(
    `"${file}" has not one dead letter in its ${damaged.length} lines: name the file of a FileDeadLetter, and the module behind it, as in tidemark dlq retry failed.jsonl flow.ts.`,
  )
}

const warnOfDamage = (file: string, { damaged }: LettersFound, terminal: Terminal): void => {
  if (damaged.length === 0) return
  const lines = damaged.slice(0, 5).join(', ')
  terminal.warn(
    `${file}: ${damaged.length === 1 ? '1 line is no letter and is' : `${damaged.length} lines are no letters and are`} passed over (line ${lines}${damaged.length > 5 ? ', …' : ''}); a crash may cut one short.`,
  )
}
