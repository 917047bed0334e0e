// A flow with a state for each of so many keys: `fill` commits them and waits to be killed; `resume`
// goes on from them, and prints when the first output is there and what it says.
import {
  DynamicSink,
  dataflow,
  EOF,
  FixedPartitionedSource,
  RecoveryStore,
  StatefulSourcePartition,
  StatelessSinkPartition,
  start,
} from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'

const [, , mode, dir, size] = process.argv
const keys = Number(size)
const BATCH = 1000

class KeysPartition extends StatefulSourcePartition {
  constructor(at) {
    super()
    this.at = at
  }

  /** Every key once; a resumed flow gets the last one again. */
  nextBatch() {
    if (this.at > keys) return EOF
    if (this.at === keys) {
      if (mode === 'fill') return []
      this.at += 1
      return [keys - 1]
    }
    const from = this.at
    this.at = Math.min(keys, from + BATCH)
    return Array.from({ length: this.at - from }, (_, index) => from + index)
  }

  snapshot() {
    return Math.min(this.at, keys)
  }
}

class KeysSource extends FixedPartitionedSource {
  listParts() {
    return ['all']
  }

  buildPart(_stepId, _part, resume) {
    return new KeysPartition(resume ?? 0)
  }
}

let taken = 0

class FirstPartition extends StatelessSinkPartition {
  writeBatch(items) {
    taken += items.length
    if (mode === 'resume') process.stdout.write(`first ${JSON.stringify(items)}\n`)
  }
}

class FirstSink extends DynamicSink {
  build() {
    return new FirstPartition()
  }
}

const flow = dataflow('recover')
flow
  .input('keys', new KeysSource())
  .pipe(
    keyOn('key', (index) => `k${String(index).padStart(6, '0')}`),
    statefulMap('total', (state) => {
      const next = state ?? { n: 0, s: 0 }
      next.n += 1
      next.s += 3
      return [next, next.s]
    }),
  )
  .output('first', new FirstSink())

const recovery = await RecoveryStore.open(dir)
const execution = start(flow, { recovery, epochInterval: 200 })
if (mode === 'fill') {
  let whole = Number.POSITIVE_INFINITY
  execution.events$.subscribe((event) => {
    if (event.kind !== 'committed') return
    if (event.epoch > whole) process.stdout.write('filled\n')
    // All has been taken by the end of the epoch that is open now.
    if (taken === keys) whole = Math.min(whole, execution.metrics().epoch)
  })
}
await execution.done
