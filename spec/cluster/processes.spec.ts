import { expect } from 'chai'
import { run } from 'tidemark'
import { counting } from './flows/counting.ts'
import { BEGINS, onStage, pause } from './stage.ts'
import { linesIn, type Member } from './troupe.ts'
import { describeWithNats } from './with-nats.ts'

describeWithNats('A flow in several processes @long', () => {
  const stage = onStage()
  const { folder } = stage

  /** Members with a worker more each; with a recovery directory of their own, or one for all. */
  const begin = (options: {
    readonly items: number
    readonly pause: number
    readonly stores: 'own' | 'one'
    readonly count?: number
  }): Member[] => {
    const { items, pause: paused, stores, count = 2 } = options
    return Array.from({ length: count }, (_, process) => {
      const dir = folder.file(stores === 'own' ? `store-${process}` : 'store')
      return stage.start({
        process,
        count,
        args: [folder.file('out'), items, paused],
        workers: 1 + (process % 2),
        dir,
      })
    })
  }

  /** What one process alone leaves. */
  const undisturbed = async (items: number): Promise<string[]> => {
    await run(counting(folder.file('alone'), items, 0))
    return linesIn(folder.file('alone'))
  }

  const ends = (those: readonly Member[]): Promise<(number | null)[]> =>
    Promise.all(those.map(({ ended }) => ended))

  it('goes on from the last committed epoch when any process is killed, stores apart', async () => {
    const [a, b] = begin({ items: 1000, pause: 50, stores: 'own' }) as [Member, Member]
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    b.signal('SIGKILL')
    await Promise.all([a.says(BEGINS, 2), b.says(BEGINS, 2)])
    a.signal('SIGKILL')
    await Promise.all([a.says(BEGINS, 3), b.says(BEGINS, 3)])
    expect(await ends([a, b])).to.deep.equal([0, 0])
    expect(await stage.written()).to.deep.equal(await undisturbed(1000))
  })

  it('goes on without a process that is stopped for long, once it is back; nothing is doubled', async () => {
    const [a, b] = begin({ items: 600, pause: 60, stores: 'own' }) as [Member, Member]
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    b.signal('SIGSTOP')
    await a.says('the execution failed')
    b.signal('SIGCONT')
    expect(await ends([a, b])).to.deep.equal([0, 0])
    expect(a.times(BEGINS)).to.be.at.least(2)
    expect(await stage.written()).to.deep.equal(await undisturbed(600))
  })

  it('bridges restarts of the NATS server in one execution, stops as a whole when any one is told to', async () => {
    const [a, b] = begin({ items: 9000, pause: 60, stores: 'one' }) as [Member, Member]
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    // A way that is only being made cannot be bridged: every thread has its own once all goes on.
    await stage.goesOn()
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      await pause(200)
      await stage.server.down(signal)
      await stage.server.up()
      await stage.goesOn()
    }
    b.signal('SIGTERM')
    expect(await ends([a, b]), `${a.log}${b.log}`).to.deep.equal([0, 0])
    expect(a.output).to.match(/^stopped \d+\n$/)
    expect([a.times(BEGINS), b.times(BEGINS)], `${a.log}${b.log}`).to.deep.equal([1, 1])
    const all = begin({ items: 9000, pause: 0, stores: 'one', count: 3 })
    expect(await ends(all)).to.deep.equal([0, 0, 0])
    expect(await stage.written()).to.deep.equal(await undisturbed(9000))
  })
})
