import { expect } from 'chai'
import {
  InconsistentPartitionsError,
  MissingPartitionsError,
  NoPartitionsError,
  RecoveryError,
} from '../../../lib/errors/errors.ts'
import { resumePoint } from '../../../lib/recovery/resume.ts'
import type { ExecutionRecord, PartitionFacts } from '../../../lib/recovery/store.ts'

const ran = (execution: number, resumeEpoch: number, stores = ['s']): ExecutionRecord => ({
  execution,
  resumeEpoch,
  workers: 1,
  stores,
})

const part = (index: number, known: Partial<PartitionFacts> = {}): PartitionFacts => ({
  store: 's',
  place: `${known.store ?? 's'}/part-${index}`,
  index,
  count: 2,
  flowId: known.executions === undefined ? null : 'flow',
  executions: [],
  frontier: null,
  collected: 0,
  ...known,
})

const at = (execution: number, epoch: number) => ({ execution, epoch })

describe('resumePoint', () => {
  it('is execution 0 at epoch 1 where nothing is stored', () => {
    expect(resumePoint([part(0), part(1)])).to.deep.equal({
      execution: 0,
      resumeEpoch: 1,
      stores: ['s'],
    })
  })

  it('is the minimum of the frontiers of the newest execution, and the next number', () => {
    const executions = [ran(0, 1), ran(1, 4)]

    const point = resumePoint([
      part(0, { executions, frontier: at(1, 9) }),
      part(1, { executions, frontier: at(1, 7) }),
    ])

    expect([point.execution, point.resumeEpoch]).to.deep.equal([2, 7])
  })

  it('takes the resume epoch of the newest execution for a partition that never wrote in it', () => {
    const point = resumePoint([
      part(0, { executions: [ran(0, 1), ran(1, 4)], frontier: at(1, 9) }),
      part(1, { executions: [ran(0, 1)], frontier: at(0, 6) }),
    ])

    expect([point.execution, point.resumeEpoch]).to.deep.equal([2, 4])
  })

  it('refuses no partitions', () => {
    expect(() => resumePoint([])).to.throw(NoPartitionsError, 'tidemark recovery init')
  })

  it('names the missing partitions', () => {
    expect(() => resumePoint([part(1, { count: 4 }), part(3, { count: 4 })])).to.throw(
      MissingPartitionsError,
      'part-0, part-2 of 4',
    )
  })

  it('refuses partitions that disagree on their number before it looks for missing ones', () => {
    expect(() => resumePoint([part(0, { count: 2 }), part(1, { count: 3 })])).to.throw(
      InconsistentPartitionsError,
      's/part-1 is one of 3',
    )
  })

  it('refuses a partition that is there twice', () => {
    expect(() => resumePoint([part(0), part(0), part(1)])).to.throw(
      InconsistentPartitionsError,
      'twice',
    )
  })

  it('refuses partitions of two flows, and those of another flow, naming both', () => {
    const mine = part(0, { executions: [ran(0, 1)], flowId: 'mine' })
    const yours = part(1, { executions: [ran(0, 1)], flowId: 'yours' })

    expect(() => resumePoint([mine, yours])).to.throw(RecoveryError, /"yours", not to "mine"/)
    expect(() => resumePoint([mine, part(1)], 'yours')).to.throw(
      RecoveryError,
      /"mine", not to "yours"/,
    )
  })

  it('refuses to resume where rows were collected, and names the partitions that are too old', () => {
    const executions = [ran(0, 1)]
    const ahead = part(1, { executions, frontier: at(0, 9), collected: 8 })

    expect(() => resumePoint([part(0, { executions, frontier: at(0, 5) }), ahead])).to.throw(
      InconsistentPartitionsError,
      's/part-0 is too old',
    )
    expect(() => resumePoint([part(0), ahead])).to.throw(
      InconsistentPartitionsError,
      's/part-0 is too old',
    )
  })

  it('resumes where the oldest partition ends while the others still keep that epoch', () => {
    const executions = [ran(0, 1)]

    const point = resumePoint([
      part(0, { executions, frontier: at(0, 5) }),
      part(1, { executions, frontier: at(0, 9), collected: 5 }),
    ])

    expect(point.resumeEpoch).to.equal(5)
  })

  it('leaves a store out that is new to the flow', () => {
    const executions = [ran(0, 1)]
    const known = { executions, frontier: at(0, 9), collected: 9 }

    const point = resumePoint([part(0, known), part(1, known), part(0, { store: 'new', count: 1 })])

    expect(point).to.deep.equal({ execution: 1, resumeEpoch: 9, stores: ['s'] })
  })

  it('misses a whole store of the newest execution', () => {
    const executions = [ran(0, 1, ['s', 'gone'])]

    expect(() => resumePoint([part(0, { executions }), part(1, { executions })])).to.throw(
      MissingPartitionsError,
      'gone',
    )
  })
})
