// A flow for workers in threads: each gets keys of its own, and it waits for more.
import { type Dataflow, dataflow, FixedPartitionedSource, StatefulSourcePartition } from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { TestingSink } from 'tidemark/testing'

class Numbers extends FixedPartitionedSource<number, number> {
  override listParts(): string[] {
    return ['all']
  }

  override buildPart(): NumbersPart {
    return new NumbersPart()
  }
}

class NumbersPart extends StatefulSourcePartition<number, number> {
  #given = 0

  override nextBatch(): number[] {
    if (this.#given > 0) return []
    this.#given = 100
    return Array.from({ length: this.#given }, (_, n) => n)
  }

  override snapshot(): number {
    return this.#given
  }
}

export const flow: Dataflow = dataflow('threaded')
flow
  .input('in', new Numbers())
  .pipe(
    keyOn('key', String),
    statefulMap('sum', (sum: number | null, n) => [(sum ?? 0) + n, n] as const),
  )
  .output('out', new TestingSink())
