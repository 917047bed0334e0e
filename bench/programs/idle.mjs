// A flow whose source has nothing: prints the percentage of a core it took meanwhile.
import {
  DynamicSink,
  DynamicSource,
  dataflow,
  run,
  StatelessSinkPartition,
  StatelessSourcePartition,
} from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'

const SETTLE_MS = 1000
const idleMs = Number(process.argv[2] ?? 10_000)

class QuietPartition extends StatelessSourcePartition {
  nextBatch() {
    return []
  }
}

class QuietSource extends DynamicSource {
  build() {
    return new QuietPartition()
  }
}

class NullPartition extends StatelessSinkPartition {
  writeBatch() {}
}

class NullSink extends DynamicSink {
  build() {
    return new NullPartition()
  }
}

const flow = dataflow('idle')
flow
  .input('quiet', new QuietSource())
  .pipe(
    keyOn('key', (item) => String(item)),
    statefulMap('count', (count) => [(count ?? 0) + 1, count]),
  )
  .output('null', new NullSink())

const stop = new AbortController()
setTimeout(() => {
  const before = process.cpuUsage()
  const from = performance.now()
  setTimeout(() => {
    const { user, system } = process.cpuUsage(before)
    const elapsedMs = performance.now() - from
    process.stdout.write(`${((user + system) / 1000 / elapsedMs) * 100}\n`)
    stop.abort()
  }, idleMs)
}, SETTLE_MS)
await run(flow, { signal: stop.signal })
