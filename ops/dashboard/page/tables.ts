import type { FlowNow, TwoLooks } from '../../doctor/flow-now.ts'
import { el, say } from './element.ts'
import type { Readings, StepReading } from './readings.ts'
import { type Row, Table, type Tone } from './table.ts'
import { bytes, clock, count, millis, percent, rate, span } from './words.ts'

interface Looked {
  readonly looks: TwoLooks
  readonly readings: Readings
}

/** A table, and how it is filled. */
export interface Filled {
  readonly panel: HTMLElement
  update(looked: Looked): void
}

const filled = (table: Table, rows: (looked: Looked) => readonly Row[]): Filled => ({
  panel: table.panel,
  update: (looked) => table.fill(rows(looked)),
})

/** Over the whole page. */
const wide = (table: Filled): Filled => {
  table.panel.classList.add('wide')
  return table
}

const toneOf = (busy: number): Tone => {
  if (busy >= 0.8) return 'hot'
  return busy >= 0.4 ? 'warm' : ''
}

export const stepsTable = (): Filled =>
  filled(
    new Table(
      'Steps',
      ['step', '#in', '#out', '#busy', '#a batch', '#waiting', '#keys', '#late'],
      'No worker is under way yet.',
    ),
    ({ readings }) => [...readings.steps.values()].map(stepRow),
  )

const stepRow = (reading: StepReading): Row => [
  reading.fused.join(' · '),
  rate(reading.rateIn),
  reading.ratesOut.map(rate).join(' + ') || '–',
  { text: percent(reading.busy), share: reading.busy, tone: toneOf(reading.busy) },
  reading.perBatch === null ? '–' : millis(reading.perBatch),
  { text: count(reading.waiting), tone: reading.waiting > 0 ? '' : 'mute' },
  reading.keys === null ? '–' : count(reading.keys),
  reading.late === null ? '–' : { text: count(reading.late), tone: reading.late > 0 ? 'warm' : '' },
]

const MOST_PARTS = 24

export const watermarksTable = (): Filled =>
  filled(
    new Table(
      'Watermarks',
      ['source partition', '#behind', 'last moved', ''],
      'No step makes watermarks.',
    ),
    ({ readings, looks }) =>
      readings.parts
        .slice(0, MOST_PARTS)
        .map((part) => [
          `${part.source} ${part.part}`,
          part.behind === null ? 'no item yet' : span(part.behind),
          part.movedAt === null
            ? 'not in this run'
            : `${clock(part.movedAt)}, ${ago(looks.after.time - part.movedAt)}`,
          part.holds
            ? { text: `holds back "${part.step}"`, tone: 'hot' }
            : { text: part.ahead ? 'rests, is ahead' : '', tone: 'mute' },
        ]),
  )

const ago = (millis: number): string => (millis < 1000 ? 'just now' : `${span(millis)} ago`)

/** Below so many items a second shares say nothing. */
const ENOUGH = 1
/** Times its even share, from which on a worker is marked. */
const SKEWED = 1.5
const HOT = 0.3

export const skewTable = (): Filled =>
  filled(
    new Table(
      'Keys and skew',
      ['step', 'worker', '#share', '#rate', '#keys', '~most frequent keys'],
      'No step keeps state by key.',
    ),
    ({ readings }) =>
      [...readings.steps.values()].filter(({ keys }) => keys !== null).flatMap(skewRows),
  )

const skewRows = ({ step, shares, hotKeys, rateIn }: StepReading): readonly Row[] =>
  shares.map(({ worker, share, rate: own, keys }) => {
    const skewed = rateIn >= ENOUGH && shares.length > 1 && share * shares.length >= SKEWED
    const hot = hotKeys.filter((key) => key.worker === worker)
    return [
      step,
      { text: String(worker), tone: skewed ? 'hot' : '' },
      { text: percent(share), share, tone: skewed ? 'hot' : '' },
      rate(own),
      count(keys),
      {
        text:
          hot.map((key) => `${JSON.stringify(key.key)} ${percent(key.share)}`).join(', ') || '–',
        tone: (hot[0]?.share ?? 0) * share >= HOT ? 'warm' : 'mute',
      },
    ]
  })

const MOST_ERRORS = 30

export const errorsTable = (): Filled =>
  wide(
    filled(
      new Table(
        'Failed items',
        ['time', 'step', 'callback', '~item', '~error'],
        'No item has failed.',
      ),
      ({ looks }) =>
        looks.after.workers
          .flatMap(({ mishaps }) => mishaps)
          .sort((a, b) => b.time - a.time)
          .slice(0, MOST_ERRORS)
          .map(({ time, step, callback, item, key, error }) => [
            clock(time),
            step,
            callback,
            { text: key === null ? item : `${item} of key ${key}` },
            { text: error, tone: 'hot' },
          ]),
    ),
  )

export const messagesTable = (): Filled =>
  wide(
    filled(new Table('Said by the flow', ['time', '', '~message'], 'Nothing yet.'), ({ looks }) =>
      looks.after.messages
        .toReversed()
        .map(({ time, level, message }) => [
          clock(time),
          { text: level, tone: level === 'info' ? 'mute' : 'hot' },
          message,
        ]),
    ),
  )

export const recoveryTable = (): Filled => {
  const table = new Table(
    'Snapshots',
    ['worker', '#open epochs', '#a snapshot', '#written in', '#backlog', '#failed', '#archive'],
    'No snapshots are kept: after a crash the flow begins anew.',
  )
  const age = el('p', { class: 'empty' })
  table.panel.append(age)
  const update = ({ looks }: Looked): void => {
    const rows = recoveryRows(looks)
    const { sinceCommit } = looks.after
    age.hidden = rows.length === 0
    say(age, sinceCommit === null ? '' : `The newest is ${span(sinceCommit * 1000)} old.`)
    table.fill(rows)
  }
  return { panel: table.panel, update }
}

const recoveryRows = ({ before, after }: TwoLooks): readonly Row[] =>
  after.workers.flatMap(({ worker, epoch, recorder }) => {
    if (recorder === null || recorder.partitions === 0) return []
    const earlier = before.workers.find((each) => each.worker === worker)?.recorder ?? null
    const size = sum(recorder.taken.map(([, each]) => each))
    const grown = size - sum(earlier?.taken.map(([, each]) => each) ?? [])
    const writes = sum(recorder.writes.counts) - sum(earlier?.writes.counts ?? [])
    const time = recorder.writes.sum - (earlier?.writes.sum ?? 0)
    const { archive, failures, waiting } = recorder
    const lag = archive === null ? '–' : `${bytes(archive.lagBytes)} to send`
    return [
      [
        String(worker),
        String(Math.max(0, epoch - after.committed)),
        writes > 0 ? bytes(Math.max(0, grown / writes)) : '–',
        writes > 0 ? millis(time / writes) : '–',
        { text: `${waiting} blocks`, tone: waiting > 0 ? '' : 'mute' },
        { text: String(failures), tone: failures > 0 ? 'hot' : 'mute' },
        lag,
      ],
    ]
  })

export const workersTable = (): Filled =>
  filled(
    new Table(
      'Workers',
      ['worker', 'state', '#in', '#epoch', '#under way', '#skipped', '#thread late'],
      'No worker is under way yet.',
    ),
    ({ looks: { before, after } }) =>
      after.workers.map((facts) => {
        const { worker, reading, stopping, epoch, underWay, skipped, loopDelay, steps } = facts
        const earlier = before.workers.find((each) => each.worker === worker)
        const seconds = Math.max(0.001, (after.time - before.time) / 1000)
        const read = (all: FlowNow['workers'][number]['steps'] | undefined): number =>
          sum(
            (all ?? [])
              .filter(({ partitions }) => partitions !== null)
              .map(({ itemsIn }) => itemsIn),
          )
        return [
          String(worker),
          { text: stateOf(reading, stopping), tone: reading && !stopping ? '' : 'warm' },
          rate(Math.max(0, read(steps) - read(earlier?.steps)) / seconds),
          String(epoch),
          count(underWay),
          count(sum(skipped.map(([, items]) => items))),
          loopDelay === null ? '–' : millis(loopDelay.p99 * 1000),
        ]
      }),
  )

const stateOf = (reading: boolean, stopping: boolean): string => {
  if (stopping) return 'stopping'
  return reading ? 'reads' : 'takes up state'
}

/** Only where the flow runs in several processes. */
export const linksTable = (): Filled => {
  const table = new Table(
    'Links to other processes',
    ['from worker', 'to worker', '#bytes under way', '#sent again'],
    'All workers are in this process.',
  )
  const update = ({ looks }: Looked): void => {
    const rows: readonly Row[] = looks.after.workers.flatMap(({ worker, links }) =>
      links.map(({ to, pending, resent }) => [
        String(worker),
        String(to),
        bytes(pending),
        { text: count(resent), tone: resent > 0 ? 'warm' : 'mute' },
      ]),
    )
    table.panel.hidden = rows.length === 0
    table.fill(rows)
  }
  table.panel.hidden = true
  return { panel: table.panel, update }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
