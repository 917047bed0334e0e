import { rm } from 'node:fs/promises'
import { expect } from 'chai'
import { run } from 'tidemark'
import { counting } from './flows/counting.ts'
import { BEGINS, onStage } from './stage.ts'
import { linesIn, type Member } from './troupe.ts'
import { describeWithNats } from './with-nats.ts'

describeWithNats('A process whose recovery directory is deleted while it is down @long', () => {
  const stage = onStage()
  const { folder } = stage

  const start = (process: number, items: number, archived: boolean): Member =>
    stage.start({
      process,
      count: 2,
      args: [folder.file('out'), items, 60],
      dir: folder.file(`store-${process}`),
      ...(archived ? { archive: folder.file('archive') } : {}),
    })

  it('is restored from the archive, and nothing is lost or doubled', async () => {
    const a = start(0, 1200, true)
    const b = start(1, 1200, true)
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    await stage.goesOn()
    b.discard()
    await b.ended
    await rm(folder.file('store-1'), { recursive: true, force: true })
    const again = start(1, 1200, true)
    expect(await Promise.all([a.ended, again.ended])).to.deep.equal([0, 0])
    expect(again.log).to.contain('was restored from dir:')
    await run(counting(folder.file('alone'), 1200, 0))
    expect(await stage.written()).to.deep.equal(await linesIn(folder.file('alone')))
  })

  it('ends the flow with an error that names its store where there is no archive', async () => {
    const a = start(0, 1200, false)
    const b = start(1, 1200, false)
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    await stage.goesOn()
    b.discard()
    await b.ended
    await rm(folder.file('store-1'), { recursive: true, force: true })
    await a.says('waiting for process 1 of 2: the recovery partitions kept there are needed')
    const again = start(1, 1200, false)
    expect(await Promise.all([a.ended, again.ended])).to.deep.equal([1, 1])
    expect(`${a.log}${again.log}`).to.contain('of which no partition is here')
    // What the other wrote until it knew, and nothing from the beginning again.
    const lines = await stage.written()
    expect(new Set(lines).size).to.equal(lines.length)
  })
})
