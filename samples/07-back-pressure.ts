// What it teaches: a slow sink slows the source down; nothing piles up in between.
// What to notice: the source counts how far it is ahead; that stays far below all it could give.
// Run it: node --import tsx --conditions source samples/07-back-pressure.ts
import { setImmediate as turn } from 'node:timers/promises'
import { DynamicSink, dataflow, fromIterable, run, StatelessSinkPartition } from 'tidemark'
import { map } from 'tidemark/operators'

const ITEMS = 200_000
let written = 0
let furthestAhead = 0

function* numbers(): Generator<number> {
  for (let n = 0; n < ITEMS; n += 1) {
    furthestAhead = Math.max(furthestAhead, n - written)
    yield n
  }
}

/** As a database would: each batch takes a while, and the next one waits for it. */
class SlowSink extends DynamicSink<number> {
  override build(): StatelessSinkPartition<number> {
    return new SlowPartition()
  }
}

class SlowPartition extends StatelessSinkPartition<number> {
  override async writeBatch(items: number[]): Promise<void> {
    await turn()
    written += items.length
  }
}

export const flow = dataflow('back-pressure')

flow
  .input('numbers', fromIterable(numbers, { batchSize: 100 }))
  .pipe(map('square', (n) => n * n))
  .output('slow', new SlowSink())

await run(flow)

console.log(`${written} items written`)
console.log(`never more than 20000 ahead: ${furthestAhead <= 20_000}`)

// => 200000 items written
// => never more than 20000 ahead: true
