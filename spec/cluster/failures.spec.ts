import { expect } from 'chai'
import { Failures } from '../../cluster/failures.ts'
import { ClusterError } from '../../lib/errors/errors.ts'

const cause = new ClusterError('Process 1 of the flow has not been heard for 2 s.')

describe('Failures', () => {
  it('are waited out longer each time, and end the flow with one error after eight in vain', () => {
    const failures = new Failures()
    const waits = Array.from({ length: 8 }, () => failures.waitAfter(cause, 0))
    expect(waits).to.deep.equal([0, 250, 500, 1000, 2000, 4000, 5000, 5000])
    expect(() => failures.waitAfter(cause, 0))
      .to.throw(ClusterError, /9 executions in a row failed .* The last: Process 1/)
      .with.property('cause', cause)
  })

  it('never end a flow that gets on in between', () => {
    const failures = new Failures()
    const waits = Array.from({ length: 100 }, (_, at) => failures.waitAfter(cause, 10 + at))
    expect(new Set(waits)).to.deep.equal(new Set([0]))
  })
})
