// A flow for workers in threads that counts by prom-client; it waits for more.
import { Counter } from 'prom-client'
import { type Dataflow, dataflow, FixedPartitionedSource, StatefulSourcePartition } from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { TestingSink } from 'tidemark/testing'

const seen = new Counter({ name: 'spec_seen_total', help: 'Numbers that a thread has seen.' })

class Numbers extends FixedPartitionedSource<number, null> {
  override listParts(): string[] {
    return ['all']
  }

  override buildPart(): NumbersPart {
    return new NumbersPart()
  }
}

class NumbersPart extends StatefulSourcePartition<number, null> {
  #given = false

  override nextBatch(): number[] {
    if (this.#given) return []
    this.#given = true
    return Array.from({ length: 100 }, (_, n) => n)
  }

  override snapshot(): null {
    return null
  }
}

export const flow: Dataflow = dataflow('counted')
flow
  .input('in', new Numbers())
  .pipe(
    keyOn('key', String),
    statefulMap('sum', (sum: number | null, n) => {
      seen.inc()
      return [(sum ?? 0) + n, n] as const
    }),
  )
  .output('out', new TestingSink())
