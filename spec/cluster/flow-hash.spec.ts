import { expect } from 'chai'
import { dataflow, fromIterable } from 'tidemark'
import { filter, map } from 'tidemark/operators'
import { TestingSink } from 'tidemark/testing'
import { flowHash } from '../../cluster/flow-hash.ts'

const flow = (id: string, step: (stream: ReturnType<typeof input>) => ReturnType<typeof input>) => {
  const made = dataflow(id)
  step(input(made)).output('out', new TestingSink())
  return made
}
const input = (made: ReturnType<typeof dataflow>) => made.input('in', fromIterable([1, 2]))

describe('flowHash', () => {
  it('is the same for flows that are built alike, whatever their callbacks do', () => {
    const one = flow('f', (stream) => stream.pipe(map('step', (n) => n + 1)))
    const two = flow('f', (stream) => stream.pipe(map('step', (n) => n + 2)))
    expect(flowHash(one)).to.equal(flowHash(two))
  })

  it('tells flows apart by id, step, operator and wiring', () => {
    const hashes = [
      flow('f', (stream) => stream.pipe(map('step', (n) => n))),
      flow('g', (stream) => stream.pipe(map('step', (n) => n))),
      flow('f', (stream) => stream.pipe(map('stop', (n) => n))),
      flow('f', (stream) => stream.pipe(filter('step', () => true))),
      flow('f', (stream) => {
        stream.pipe(map('step', (n) => n))
        return stream
      }),
    ].map(flowHash)
    expect(new Set(hashes).size).to.equal(hashes.length)
  })
})
