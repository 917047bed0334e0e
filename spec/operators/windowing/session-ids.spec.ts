import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import {
  type Clock,
  collectWindow,
  EventClock,
  keyOn,
  mapValue,
  SessionWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import { MemoryStore, TestingSink, TestingSource } from 'tidemark/testing'

interface Visit {
  readonly user: string
  readonly at: number
}

const of = (user: string, ...seconds: number[]): Visit[] =>
  seconds.map((at) => ({ user, at: at * 1000 }))

const timestamp = ({ at }: Visit): number => at

/** The ids and opening seconds of the sessions of `a`, over a run that ends and one that goes on. */
const sessionsOf = async (clock: Clock<Visit, unknown>) => {
  const items = [
    ...of('a', 1, 3, 100),
    ...of('other', 200),
    ...of('a', 300),
    TestingSource.EOF,
    ...of('a', 400),
  ]
  const flow = dataflow('sessions')
  const sink = new TestingSink<readonly [string, readonly [number, number]]>()
  flow
    .input('in', new TestingSource(items))
    .pipe(
      watermarks('time', { timestamp }),
      keyOn('user', ({ user }) => user),
      collectWindow('windows', { clock, windower: new SessionWindower({ gap: { seconds: 5 } }) }),
    )
    .meta.pipe(
      mapValue('opens', ([id, { openTime }]): [number, number] => [id, openTime.toSeconds()]),
    )
    .output('out', sink)
  const recovery = new MemoryStore()
  await run(flow, { recovery, epochInterval: 0 })
  await run(flow, { recovery, epochInterval: 0 })
  return sink.items.filter(([user]) => user === 'a').map(([, session]) => session)
}

describe('Sessions of a key', () => {
  it('have a number each, for good, where the key keeps its clock', async () => {
    const clock = new EventClock({ timestamp, wait: 0, now: () => 0 })
    expect(await sessionsOf(clock)).to.deep.equal([
      [0, 1],
      [1, 100],
      [2, 300],
      [3, 400],
    ])
  })

  it('are numbered anew where nothing was left of the key; their openTime is theirs alone', async () => {
    const sessions = await sessionsOf(new WatermarkClock({ timestamp }))
    expect(sessions).to.deep.equal([
      [0, 1],
      [1, 100],
      [0, 300],
      [0, 400],
    ])
    expect(new Set(sessions.map(([, openTime]) => openTime)).size).to.equal(sessions.length)
  })
})
