import { expect } from 'chai'
import {
  describeTransactionalSink,
  describeWriteAheadSink,
  type TestRunner,
} from 'tidemark/testing'
import { Outside, OutsideTransactionalSink, OutsideWriteAheadSink } from '../support/outside.ts'

const ITEMS = [1, 2, 3, 4, 5]

/** An outside system that can be away, with or without one of the things that such a system needs. */
const worldOf = (faults: ConstructorParameters<typeof Outside>[1] = {}) => {
  const state = { away: false }
  const outside = new Outside<number>(() => (state.away ? 'away' : 'none'), faults)
  return {
    items: ITEMS,
    written: () => outside.items,
    away: () => {
      state.away = true
    },
    back: () => {
      state.away = false
    },
    outside,
  }
}

const aheadOf = (faults?: ConstructorParameters<typeof Outside>[1]) => () => {
  const world = worldOf(faults)
  return { ...world, sink: () => new OutsideWriteAheadSink(world.outside) }
}

const transactionalOf = (faults?: ConstructorParameters<typeof Outside>[1]) => () => {
  const world = worldOf(faults)
  return { ...world, sink: () => new OutsideTransactionalSink(world.outside) }
}

/** The promises that do not hold. */
const broken = async (declare: (runner: TestRunner) => void): Promise<readonly string[]> => {
  const promises: { readonly title: string; readonly body: () => Promise<void> }[] = []
  declare({
    describe: (_, body) => body(),
    it: (title, body) => {
      promises.push({ title, body })
    },
  })
  const failed: string[] = []
  for (const { title, body } of promises) await body().catch(() => failed.push(title))
  return failed
}

describeWriteAheadSink('a sink into a system with fences and markers', aheadOf())
describeTransactionalSink('a sink into a system with fences and transactions', transactionalOf())

describe('describeWriteAheadSink', () => {
  const tells = async (faults: ConstructorParameters<typeof Outside>[1]) =>
    broken((runner) => describeWriteAheadSink('a sink', aheadOf(faults), runner))

  it('tells a destination that takes an epoch twice', async () => {
    expect(await tells({ naive: true })).to.include(
      'takes an epoch that its marker names no second time',
    )
  })

  it('tells one that lets an older execution write', async () => {
    expect(await tells({ unfenced: true })).to.include(
      'shuts older executions out of a slot that a later one has fenced',
    )
  })
})

describe('describeTransactionalSink', () => {
  const tells = async (faults: ConstructorParameters<typeof Outside>[1]) =>
    broken((runner) => describeTransactionalSink('a sink', transactionalOf(faults), runner))

  it('tells a destination that publishes an epoch again', async () => {
    expect(await tells({ naive: true })).to.include(
      'publishes once what is committed again, here and by later executions',
    )
  })

  it('tells one that keeps what a dead execution staged', async () => {
    expect(await tells({ unfenced: true })).to.include(
      'is not harmed by a dead execution that lives on',
    )
  })
})
