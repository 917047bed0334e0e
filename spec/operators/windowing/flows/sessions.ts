import { dataflow } from 'tidemark'
import { FileSink } from 'tidemark/connectors/files'
import {
  collectWindow,
  keyOn,
  mapValue,
  SessionWindower,
  statefulMap,
  WatermarkClock,
  type WindowMetadata,
  watermarks,
} from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'

interface Visit {
  readonly user: string
  readonly at: number
}

const users = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

/** Two sessions of each user that a third visit makes one. */
const merging = (from: number): Visit[] =>
  [0, 20, 10].flatMap((seconds) => users.map((user) => ({ user, at: from + seconds * 1000 })))

const shown = (metadata: WindowMetadata | null): string => {
  if (metadata === null) return '-'
  const { openTime, closeTime, mergedIds } = metadata
  return [
    openTime.plus({ hours: 1 }).toISO(),
    closeTime.diff(openTime, 'seconds').seconds,
    mergedIds instanceof Set && mergedIds.has(1) && mergedIds.size === 1,
  ].join(' ')
}

const timestamp = ({ at }: Visit): number => at

/** Metadata of sessions that goes to other workers, into snapshots, and behind the next of its user. */
export const sessions = (path: string) => {
  const flow = dataflow('sessions')
  const visits = [...merging(0), TestingSource.EOF, ...merging(3_600_000)]
  flow
    .input('in', new TestingSource(visits, { batchSize: 5 }))
    .pipe(
      watermarks('time', { timestamp, outOfOrderness: { minutes: 5 } }),
      keyOn('user', ({ user }) => user),
      collectWindow('windows', {
        clock: new WatermarkClock({ timestamp }),
        windower: new SessionWindower({ gap: { seconds: 10 } }),
        ordered: false,
      }),
    )
    .meta.pipe(
      keyOn('elsewhere', ([user]) => `of ${user}`),
      statefulMap('last', (last: WindowMetadata | null, [user, [, metadata]]) => [
        metadata,
        `${user}: ${shown(last)}, ${shown(metadata)}`,
      ]),
      mapValue('line', (line) => line),
    )
    .output('out', new FileSink(path))
  return flow
}
