import { expect } from 'chai'
import { VirtualRuntime } from 'tidemark/testing'
import { Circuit, type CircuitState } from '../../../lib/state/circuit.ts'

const LIMITS = { failures: 3, within: 1000, coolDown: 500, openings: 2 }

/** A circuit in virtual time, with all that it told. */
const made = (limits = LIMITS) => {
  const runtime = new VirtualRuntime()
  const told: CircuitState[] = []
  const circuit = new Circuit(limits, { runtime, told: (state) => void told.push(state) })
  const pass = (millis: number): Promise<void> =>
    runtime.run(new Promise<void>((resolve) => void runtime.after(millis, resolve)))
  const fail = (times: number): (Error | null)[] =>
    Array.from({ length: times }, () => {
      circuit.enter()
      return circuit.failed(new Error('away'))
    })
  return { circuit, told, pass, fail }
}

describe('a circuit', () => {
  it('opens after so many failures in a row, and lets nothing begin while it cools down', async () => {
    const { circuit, told, fail, pass } = made()
    fail(2)
    expect(circuit.enter()).to.equal(true)
    fail(1)
    expect(circuit.enter()).to.equal(false)
    await pass(499)
    expect(circuit.enter()).to.equal(false)
    expect(told).to.deep.equal(['open'])
  })

  it('begins to count anew with a success', () => {
    const { circuit, fail } = made()
    fail(2)
    circuit.succeeded()
    fail(2)
    expect(circuit.state).to.equal('closed')
  })

  it('counts only failures that are near enough to one another', async () => {
    const { circuit, fail, pass } = made()
    fail(2)
    await pass(1001)
    fail(2)
    expect(circuit.state).to.equal('closed')
    fail(1)
    expect(circuit.state).to.equal('open')
  })

  it('lets one call through when it has cooled down, whose success closes it', async () => {
    const { circuit, told, fail, pass } = made()
    fail(3)
    await pass(501)
    expect([circuit.enter(), circuit.enter()]).to.deep.equal([true, false])
    circuit.succeeded()
    expect([circuit.enter(), circuit.enter()]).to.deep.equal([true, true])
    expect(told).to.deep.equal(['open', 'half-open', 'closed'])
  })

  it('opens again when that call fails', async () => {
    const { circuit, fail, pass } = made()
    fail(3)
    await pass(501)
    fail(1)
    expect(circuit.state).to.equal('open')
    expect(circuit.opened).to.equal(2)
  })

  it('takes no notice, while it is open, of calls from before', () => {
    const { circuit, fail } = made()
    fail(3)
    circuit.succeeded()
    expect(fail(5)).to.deep.equal(Array(5).fill(null))
    expect(circuit.state).to.equal('open')
    expect(circuit.opened).to.equal(1)
  })

  it('gives up after so many openings without a success between', async () => {
    const { fail, pass } = made()
    fail(3)
    await pass(501)
    fail(1)
    await pass(501)
    const [error] = fail(1)
    expect(error?.message).to.match(/opened 2 times in a row .* away$/)
  })

  it('calls who waits, once, when it may be worth asking again', async () => {
    const { circuit, fail, pass } = made()
    let calls = 0
    fail(3)
    circuit.onChange(() => {
      calls += 1
    })
    expect(calls).to.equal(0)
    await pass(501)
    circuit.enter()
    circuit.succeeded()
    expect(calls).to.equal(1)
  })

  it('leaves no timer behind when it is closed down', async () => {
    const { circuit, told, fail, pass } = made()
    fail(3)
    circuit.close()
    await pass(10_000)
    expect(told).to.deep.equal(['open'])
  })
})
