// The smallest flow there is, from the compiled package.
import { DynamicSink, dataflow, fromIterable, run, StatelessSinkPartition } from 'tidemark'
import { map } from 'tidemark/operators'

class PrintPartition extends StatelessSinkPartition {
  writeBatch(items) {
    for (const item of items) process.stdout.write(`${item}\n`)
  }
}

class PrintSink extends DynamicSink {
  build() {
    return new PrintPartition()
  }
}

const flow = dataflow('start')
flow
  .input('one', fromIterable([0]))
  .pipe(map('next', (n) => n + 1))
  .output('print', new PrintSink())
await run(flow)
