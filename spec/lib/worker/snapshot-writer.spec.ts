import { expect } from 'chai'
import { recoveryPartitionOf } from '../../../lib/exchange/hash.ts'
import { readBlock } from '../../../lib/recovery/block.ts'
import type { Signal } from '../../../lib/signal/signal.ts'
import { type AddressedBlock, SnapshotWriter } from '../../../lib/worker/snapshot-writer.ts'

describe('SnapshotWriter', () => {
  const written = (write: (writer: SnapshotWriter) => void): AddressedBlock[] => {
    const sent: AddressedBlock[] = []
    const writer = new SnapshotWriter({ id: 'step', partitions: 3 }, (signal: Signal) => {
      sent.push(...(signal.values as readonly AddressedBlock[]))
    })
    write(writer)
    writer.flush()
    return sent
  }

  it('packs rows of several epochs that come in turn into a block an epoch and partition', () => {
    const blocks = written((writer) => {
      for (let row = 0; row < 300; row++) writer.row(row % 2, `k${row}`, row)
    })
    const places = blocks.map(({ partition, block }) => `${partition}/${block.epoch}`)
    expect(places.sort()).to.deep.equal(['0/0', '0/1', '1/0', '1/1', '2/0', '2/1'])
    expect(blocks.reduce((rows, { block }) => rows + block.rows, 0)).to.equal(300)
  })

  it('sends a row to the partition that its step and key belong to', () => {
    const blocks = written((writer) => {
      for (let row = 0; row < 100; row++) writer.row(7, `k${row}`, row)
    })
    for (const { partition, block } of blocks) {
      readBlock(block, (key) => expect(recoveryPartitionOf('step', key, 3)).to.equal(partition))
    }
  })

  it('sends a row of the epoch before the first, and nothing twice', () => {
    const blocks = written((writer) => {
      writer.row(0, 'k', 1)
      writer.flush()
    })
    expect(blocks.map(({ block }) => [block.epoch, block.rows])).to.deep.equal([[0, 1]])
  })
})
