// Flows whose items go from worker to worker, on the compiled package:
//   crossing.mjs threads <kind> <items>         two threads; every item crosses
//   crossing.mjs process <kind> <items> <i> <url>   one of two processes that meet at NATS
//   crossing.mjs heavy <workers> <items>        a CPU-heavy keyed step on so many threads
//   crossing.mjs latency <per second> <seconds> two threads, items at a fixed rate
// Prints one line of JSON. A wrong answer is an error.
import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import {
  DynamicSink,
  DynamicSource,
  dataflow,
  EOF,
  FixedPartitionedSink,
  run,
  StatefulSinkPartition,
  StatelessSinkPartition,
  StatelessSourcePartition,
} from 'tidemark'
import { keyed, keyOn, statefulMap } from 'tidemark/operators'
import { bid } from './bids.mjs'

const BATCH = 1000
/** Batches that are made before the clock starts, and given out again and again. */
const PREPARED = 64
/** The part of what a worker gets that only warms it up. */
const WARM = 0.4
/**
 * What a worker tells: items, checksum, when it was warm, items a millisecond since; the process's
 * CPU time then and the items of all its workers by then, its CPU time at the end, and the CPU
 * microseconds of the worker's own thread for an item since it was warm.
 */
const FIELDS = 8
const BUCKETS = 20_000
const BUCKETS_A_MS = 20

const now = () => Number(process.hrtime.bigint()) / 1e6

/** CPU microseconds of all threads so far. */
const cpuTime = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** CPU microseconds of this thread so far; where the system does not tell, the time that went by. */
const threadTime = () => {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e3
  } catch {
    return now() * 1e3
  }
}

const pair = (n, to) => [`${to}${n % 1000}`, (n * 7919) % 100_000]
const amountOf = { bids: (item) => item.price, pairs: (item) => item, heavy: (item) => item }

/** Gives prepared batches; a bare number is a key of the heavy step. */
class Prepared extends StatelessSourcePartition {
  constructor(make, items) {
    super()
    this.batches = Array.from({ length: PREPARED }, (_, batch) =>
      Array.from({ length: BATCH }, (_, at) => make(batch * BATCH + at)),
    )
    this.left = items / BATCH
  }

  nextBatch() {
    if (this.left === 0) return EOF
    this.left -= 1
    return this.batches[this.left % PREPARED]
  }
}

class Source extends DynamicSource {
  constructor(kind, items) {
    super()
    this.kind = kind
    this.items = items
  }

  build(_stepId, worker, workers) {
    const to = 1 - worker
    const make = { bids: (n) => bid(n, to), pairs: (n) => pair(n, to), heavy: (n) => n }[this.kind]
    return new Prepared(make, this.kind === 'heavy' ? this.items / workers : this.items)
  }
}

/** Counts and adds up what it gets, into memory that the main thread reads. */
class Tally {
  constructor({ memory, worker, expected, amount }) {
    this.all = new Float64Array(memory)
    this.view = new Float64Array(memory, worker * FIELDS * 8, FIELDS)
    this.warm = expected * WARM
    this.amount = amount
    this.count = 0
    this.sum = 0
  }

  take(values) {
    const { amount } = this
    let { sum } = this
    for (let at = 0; at < values.length; at++) sum = (sum + amount(values[at])) % 1e9
    this.sum = sum
    this.count += values.length
    this.view[0] = this.count
    this.view[1] = sum
    if (this.view[2] === 0 && this.count >= this.warm) {
      this.view[2] = now()
      this.warm = this.count
      this.view[3] = -this.count
      this.view[4] = cpuTime()
      this.view[7] = threadTime()
      this.view[5] = this.all[0] + this.all[FIELDS]
    }
  }

  end() {
    const items = this.count + this.view[3]
    this.view[7] = (threadTime() - this.view[7]) / items
    this.view[3] = items / (now() - this.view[2])
    this.view[6] = cpuTime()
  }
}

class CrossingPart extends StatefulSinkPartition {
  constructor(tally) {
    super()
    this.tally = tally
  }

  writeBatch(values) {
    this.tally.take(values)
  }

  snapshot() {
    return 0
  }

  close() {
    this.tally.end()
  }
}

/** A partition for each of two workers; the first character of a key says which. */
class Crossing extends FixedPartitionedSink {
  constructor(kind, items, memory) {
    super()
    this.facts = { kind, items, memory }
  }

  listParts() {
    return ['0', '1']
  }

  partFor(key) {
    return key.charCodeAt(0) - 48
  }

  buildPart(_stepId, part) {
    const { kind, items, memory } = this.facts
    return new CrossingPart(
      new Tally({ memory, worker: Number(part), expected: items, amount: amountOf[kind] }),
    )
  }
}

class Everywhere extends DynamicSink {
  constructor(items, memory) {
    super()
    this.facts = { items, memory }
  }

  build(_stepId, worker, workers) {
    const { items, memory } = this.facts
    const tally = new Tally({ memory, worker, expected: items / workers, amount: ([, sum]) => sum })
    const part = new StatelessSinkPartition()
    part.writeBatch = (values) => tally.take(values)
    part.close = () => tally.end()
    return part
  }
}

export const crossing = (kind, items, memory) => {
  const flow = dataflow('crossing')
  const source = flow.input('in', new Source(kind, items))
  const byKey = kind === 'pairs' ? keyed('key') : keyOn('key', (item) => item.channel)
  source.pipe(byKey).output('out', new Crossing(kind, items, memory))
  return flow
}

/** A few microseconds of arithmetic an item. */
const work = (seed) => {
  let hash = seed | 0
  for (let turn = 0; turn < 2000; turn++) hash = (Math.imul(hash, 31) + turn) | 0
  return hash & 1023
}

export const heavy = (items, memory) => {
  const flow = dataflow('heavy')
  flow
    .input('in', new Source('heavy', items))
    .pipe(
      keyOn('key', (n) => `k${n % 1000}`),
      statefulMap('work', (count, n) => [(count ?? 0) + 1, work(n)]),
    )
    .output('out', new Everywhere(items, memory))
  return flow
}

/** Items that are due at their time, wherever the source is; their latency counts from then. */
class Paced extends StatelessSourcePartition {
  constructor(rate, seconds, to) {
    super()
    this.rate = rate / 1000
    this.until = rate * seconds
    this.to = to
    this.at = 0
    this.began = 0
  }

  nextBatch() {
    if (this.began === 0) this.began = now()
    if (this.at >= this.until) return EOF
    const due = Math.min(this.until, Math.floor((now() - this.began) * this.rate))
    const batch = []
    for (; this.at < due; this.at++) {
      batch.push([`${this.to}${this.at % 1000}`, this.began + this.at / this.rate])
    }
    return batch
  }

  nextAwake() {
    return Date.now() + 1
  }
}

class PacedSource extends DynamicSource {
  constructor(rate, seconds) {
    super()
    this.facts = { rate, seconds }
  }

  build(_stepId, worker, workers) {
    const { rate, seconds } = this.facts
    return new Paced(rate / workers, seconds, 1 - worker)
  }
}

/** Counts latencies by their length, once the first two seconds are over. */
class Latencies extends Crossing {
  buildPart() {
    const counts = new Uint32Array(this.facts.memory)
    let began = 0
    const part = new StatefulSinkPartition()
    part.writeBatch = (values) => {
      const at = now()
      if (began === 0) began = at
      if (at - began < 2000) return
      for (const due of values) {
        const bucket = Math.min(BUCKETS - 1, Math.floor((at - due) * BUCKETS_A_MS))
        Atomics.add(counts, bucket, 1)
      }
    }
    part.snapshot = () => 0
    part.close = () => {}
    return part
  }
}

export const latency = (rate, seconds, memory) => {
  const flow = dataflow('latency')
  flow
    .input('in', new PacedSource(rate, seconds))
    .pipe(
      keyed('key'),
      statefulMap('fold', (count, due) => [(count ?? 0) + 1, due]),
    )
    .output('out', new Latencies('pairs', 0, memory))
  return flow
}

const module = import.meta.url

const readTallies = (memory) =>
  [0, 1].map((worker) => {
    const [count, sum, , rate, cpuWarm, warmItems, cpuEnd, ownCpu] = new Float64Array(
      memory,
      worker * FIELDS * 8,
      FIELDS,
    )
    return { count, sum, rate, cpuWarm, warmItems, cpuEnd, ownCpu }
  })

/** What a worker's batches add up to, found by plain addition. */
const expectedSum = (kind, items) => {
  const amounts = Array.from({ length: PREPARED * BATCH }, (_, n) =>
    kind === 'bids' ? bid(n, 0).price : pair(n, 0)[1],
  )
  const batches = Array.from({ length: PREPARED }, (_, batch) =>
    amounts.slice(batch * BATCH, (batch + 1) * BATCH).reduce((a, b) => a + b, 0),
  )
  let sum = 0
  for (let left = items / BATCH - 1; left >= 0; left--) sum = (sum + batches[left % PREPARED]) % 1e9
  return sum
}

/** CPU seconds for a million items, from when all workers were warm; starting has its own measure. */
const cpuPerMillion = (tallies) => {
  const most = (field) => Math.max(...tallies.map((tally) => tally[field]))
  const items = tallies.reduce((sum, { count }) => sum + count, 0) - most('warmItems')
  return (most('cpuEnd') - most('cpuWarm')) / items
}

const check = (got, expected) => {
  if (got !== expected) throw new Error(`The answer is ${got}, it should be ${expected}.`)
}

const main = async ([mode, ...args]) => {
  const memory = new SharedArrayBuffer(2 * FIELDS * 8)
  if (mode === 'threads' || mode === 'process') {
    const [kind, count, own, servers] = args
    const items = Number(count)
    const far = mode === 'process' ? { nats: { process: Number(own), count: 2, servers } } : {}
    await run(
      { module, export: 'crossing', args: [kind, items, memory] },
      { workers: mode === 'threads' ? 2 : 1, ...far },
    )
    const tallies = readTallies(memory).filter((tally) => tally.count > 0)
    for (const tally of tallies) {
      check(tally.count, items)
      check(tally.sum, expectedSum(kind, items))
    }
    const perSecond = 1000 * tallies.reduce((sum, { rate }) => sum + rate, 0)
    return { perSecond, cpuPerMillion: cpuPerMillion(tallies) }
  }
  if (mode === 'heavy') {
    const [workers, count] = args.map(Number)
    await run({ module, export: 'heavy', args: [count, memory] }, { workers })
    const tallies = readTallies(memory)
    check(tallies[0].count + tallies[1].count, count)
    const busiest = Math.max(...tallies.map(({ count: items, ownCpu }) => items * ownCpu)) / count
    return { perSecond: 1000 * tallies.reduce((sum, { rate }) => sum + rate, 0), busiest }
  }
  const [rate, seconds] = args.map(Number)
  const counts = new SharedArrayBuffer(BUCKETS * 4)
  await run({ module, export: 'latency', args: [rate, seconds, counts] }, { workers: 2 })
  const buckets = new Uint32Array(counts)
  const total = buckets.reduce((a, b) => a + b, 0)
  const at = (part) => {
    let seen = 0
    const bucket = buckets.findIndex((each) => {
      seen += each
      return seen >= part * total
    })
    return (bucket + 1) / BUCKETS_A_MS
  }
  return { items: total, p50: at(0.5), p99: at(0.99), p999: at(0.999) }
}

if (isMainThread && process.argv[1] !== undefined && module.endsWith('/crossing.mjs')) {
  // Not awaited here: a process of several loads this very module, which has to be through by then.
  main(process.argv.slice(2)).then(
    (reading) => process.stdout.write(`${JSON.stringify(reading)}\n`),
    (error) => {
      process.stderr.write(`${error}\n`)
      process.exitCode = 1
    },
  )
}
