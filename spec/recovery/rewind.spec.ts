import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  AbortExecution,
  dataflow,
  EOF,
  FixedPartitionedSource,
  RecoveryError,
  run,
  StatefulSourcePartition,
} from 'tidemark'
import { TestingSink } from 'tidemark/testing'
import { MemoryArchive } from '../lib/recovery/memory-archive.ts'
import { failure } from '../support/failure.ts'
import { Outside, OutsideTransactionalSink, OutsideWriteAheadSink } from '../support/outside.ts'

/** Numbers from 0; at one of them the archive goes away, at a later one the process dies. */
class Numbers extends FixedPartitionedSource<number, number> {
  readonly #at: (next: number) => void
  readonly #acknowledged: ((next: number) => void) | null

  constructor(at: (next: number) => void, acknowledged: ((next: number) => void) | null) {
    super()
    this.#at = at
    this.#acknowledged = acknowledged
  }

  listParts(): string[] {
    return ['one']
  }

  buildPart(
    _step: string,
    _part: string,
    resume: number | null,
  ): StatefulSourcePartition<number, number> {
    return this.#acknowledged === null
      ? new Part(this.#at, resume ?? 0)
      : new TellingPart(this.#at, resume ?? 0, this.#acknowledged)
  }
}

class Part extends StatefulSourcePartition<number, number> {
  readonly #at: (next: number) => void
  #next: number

  constructor(at: (next: number) => void, next: number) {
    super()
    this.#at = at
    this.#next = next
  }

  nextBatch(): number[] | typeof EOF {
    this.#at(this.#next)
    if (this.#next === 20) return EOF
    this.#next += 1
    return [this.#next - 1]
  }

  snapshot(): number {
    return this.#next
  }
}

class TellingPart extends Part {
  readonly #acknowledged: (next: number) => void

  constructor(at: (next: number) => void, next: number, acknowledged: (next: number) => void) {
    super(at, next)
    this.#acknowledged = acknowledged
  }

  override onCommit(next: number): void {
    this.#acknowledged(next)
  }
}

describe('A flow whose archive was behind when its recovery directory was lost', () => {
  let base: string
  let archive: MemoryArchive

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'rewind-'))
    archive = new MemoryArchive()
  })

  afterEach(() => rm(base, { recursive: true, force: true }))

  const flowOf = (to: 'plain' | 'transactional' | 'writeAhead', tells: boolean) => {
    const told: number[] = []
    const plain: number[] = []
    const outside = new Outside<number>()
    const sinks = {
      plain: new TestingSink(plain),
      transactional: new OutsideTransactionalSink(outside),
      writeAhead: new OutsideWriteAheadSink(outside),
    }
    let dies = true
    const at = (next: number): void => {
      if (!dies) return
      if (next === 8) archive.away = new Error('The cable is cut.')
      if (next === 15) throw new AbortExecution()
    }
    const flow = dataflow('numbers')
    const acknowledged = tells ? (next: number): number => told.push(next) : null
    flow.input('in', new Numbers(at, acknowledged)).output('out', sinks[to])
    const options = (required: boolean, allowRewind = false) => ({
      epochInterval: 0,
      recovery: {
        dir: join(base, 'state'),
        partitions: 1,
        archive: { ...archive.place, required },
        allowRewind,
      },
      logger: { info: () => {}, warn: () => {}, error: () => {} },
    })
    const heal = (): void => {
      archive.away = null
      dies = false
    }
    const dieAndLose = async (): Promise<void> => {
      await failure(run(flow, options(false)))
      await rm(join(base, 'state'), { recursive: true })
      heal()
    }
    return { flow, options, dieAndLose, heal, outside, plain, told }
  }

  for (const sink of ['transactional', 'writeAhead'] as const) {
    it(`is not run again over a ${sink} sink, unless that is allowed`, async () => {
      const { flow, options, dieAndLose, outside } = flowOf(sink, false)
      await dieAndLose()
      const before = outside.rows.length

      for (let again = 0; again < 2; again++) {
        const error = await failure(run(flow, options(false)))
        expect(error).to.be.instanceOf(RecoveryError)
        expect(String(error)).to.match(/numbers\.out.*--allow-rewind/)
      }
      expect(outside.rows).to.have.length(before)

      const outcome = await failure(run(flow, options(false, true)))
      if (outcome !== null) {
        // What a write-ahead destination has of later epochs is its own to refuse, by its marker.
        expect(sink).to.equal('writeAhead')
        expect(String(outcome)).to.contain("remove the step's marker")
        return
      }
      const items = new Set(outside.rows.map(({ item }) => item))
      expect([...items].sort((a, b) => a - b)).to.deep.equal(
        Array.from({ length: 20 }, (_, at) => at),
      )
    })
  }

  it('is not run again from a source that was told of commits, unless that is allowed', async () => {
    const { flow, options, dieAndLose, plain, told } = flowOf('plain', true)
    await dieAndLose()
    const before = plain.length

    for (let again = 0; again < 2; again++) {
      const error = await failure(run(flow, options(false)))
      expect(error).to.be.instanceOf(RecoveryError)
      expect(String(error)).to.match(/numbers\.in.*--allow-rewind/)
    }
    expect(plain).to.have.length(before)
    expect(Math.max(...told)).to.be.greaterThan(8)

    await run(flow, options(false, true))
    expect(new Set(plain).size).to.equal(20)
  })

  it('goes on where nothing outside was told', async () => {
    const { flow, options, dieAndLose, plain } = flowOf('plain', false)
    await dieAndLose()

    await run(flow, options(false))

    expect(new Set(plain).size).to.equal(20)
  })

  it('loses and doubles nothing where commit waited for the archive', async () => {
    const { flow, options, outside, heal } = flowOf('transactional', false)
    const died = failure(run(flow, options(true)))
    // The archive comes back after a while; until then nothing is committed.
    while (archive.away === null) await new Promise((resolve) => setImmediate(resolve))
    const rows = outside.rows.length
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(outside.rows.length - rows).to.be.lessThan(3)
    archive.away = null
    await died
    await rm(join(base, 'state'), { recursive: true })
    heal()

    await run(flow, options(true))

    expect(outside.rows.map(({ item }) => item)).to.deep.equal(
      Array.from({ length: 20 }, (_, at) => at),
    )
  })
})
