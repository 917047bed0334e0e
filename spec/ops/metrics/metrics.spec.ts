import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { Counter, register } from 'prom-client'
import {
  dataflow,
  EOF,
  FixedPartitionedSource,
  run,
  StatefulSourcePartition,
  start,
  withPolicy,
} from 'tidemark'
import {
  branch,
  collectWindow,
  EventClock,
  keyed,
  keyOn,
  map,
  statefulMap,
  TumblingWindower,
} from 'tidemark/operators'
import { openMetrics } from 'tidemark/ops'
import { MemoryStore, TestingSink, TestingSource } from 'tidemark/testing'
import { CATALOGUE } from '../../../ops/metrics/catalogue.ts'
import { PromPage } from '../../../ops/metrics/prom.ts'
import { MemoryArchive } from '../../lib/recovery/memory-archive.ts'
import { waiting } from '../api/served.ts'

interface Documented {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

const ROW = /^\| `(tidemark_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$/gm

const documented: readonly Documented[] = [
  ...readFileSync('docs/metrics.md', 'utf8').matchAll(ROW),
].map(([, name = '', type = '', labels = '', help = '']) => ({
  name,
  type,
  labels: [...labels.matchAll(/`(\w+)`/g)].map((found) => found[1] as string),
  help,
}))

/** One that knows how much it has not read. */
class Behind extends StatefulSourcePartition<never, null> {
  override nextBatch(): typeof EOF {
    return EOF
  }

  override lag(): number {
    return 3
  }

  override snapshot(): null {
    return null
  }
}

class BehindSource extends FixedPartitionedSource<never, null> {
  override listParts(): string[] {
    return ['only']
  }

  override buildPart(): Behind {
    return new Behind()
  }
}

/** A flow that leaves nothing unmeasured: windows, state, failures, dead letters and snapshots. */
const thorough = () => {
  const flow = dataflow('thorough')
  flow.input('behind', new BehindSource()).output('nothing', new TestingSink())
  const { trues, falses } = flow
    .input('in', new TestingSource([1, 2, 3, 40, 5, 6, 7, 8], { batchSize: 2 }))
    .pipe(
      withPolicy(
        'skip',
        map('skips', (n) => {
          if (n === 7) throw new RangeError('no sevens')
          return n
        }),
      ),
      withPolicy(
        { deadLetter: new TestingSink() },
        map('buries', (n) => {
          if (n === 8) throw new RangeError('no eights')
          return n
        }),
      ),
      withPolicy(
        {
          retry: { attempts: 1, backoff: 0 },
          circuit: { failures: 9, coolDown: 1 },
        },
        map('rests', (n) => n),
      ),
      branch('odd', (n) => n % 2 === 1),
    )
  trues
    .pipe(
      keyOn('all', () => 'all'),
      statefulMap('sum', (sum: number | null, n) => [(sum ?? 0) + n, n] as const),
    )
    .output('sums', new TestingSink())
  falses
    .pipe(
      map('pair', (n) => ['k', n] as [string, number]),
      keyed('keys'),
      collectWindow('windows', {
        clock: new EventClock({ timestamp: (n: number) => n * 1000, wait: 0 }),
        windower: new TumblingWindower({ length: 10_000, alignTo: 0 }),
      }),
    )
    .down.output('collected', new TestingSink())
  return flow
}

/** The samples of a page: name with labels, and value. */
const samplesOf = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))]
      }),
  )

describe('The metrics of a running flow', () => {
  let text = ''

  before(async () => {
    const recovery = new MemoryStore({ archive: new MemoryArchive().place })
    const execution = start(thorough(), { recovery, epochInterval: 0 })
    const page = openMetrics(execution, { flow: 'thorough' })
    await execution.done
    text = (await page.read()).text
  })

  it('are all documented, with their types, labels and meanings', () => {
    const exposed = [...text.matchAll(/^# HELP (tidemark_\w+) (.*)$/gm)].map(([, name, help]) => [
      name,
      help,
    ])
    expect(documented.map(({ name, help }) => [name, help])).to.have.deep.members(exposed)
    for (const { name, type } of documented) expect(text).to.contain(`# TYPE ${name} ${type}\n`)
  })

  it('all exist, with the labels that are documented', () => {
    const lines = text.split('\n')
    for (const { name, type, labels } of documented) {
      // Watermarks pass only where the flow makes them, which it does per partition.
      if (name.startsWith('tidemark_watermark_')) continue
      // Nothing crosses where there is one worker.
      if (name.startsWith('tidemark_link_') || name === 'tidemark_exchange_credit_items') continue
      const series = type === 'histogram' ? `${name}_count` : name
      const line = lines.find(
        (each) => each.startsWith(`${series}{`) || each.startsWith(`${series} `),
      )
      expect(line, name).to.be.a('string')
      const given = [...(line ?? '').matchAll(/(\w+)="/g)].map((found) => found[1])
      expect(given, name).to.have.members(labels)
    }
  })

  it('count what went through each step', () => {
    const samples = samplesOf(text)
    const expected: Readonly<Record<string, number>> = {
      'tidemark_flow_info{flow="thorough"}': 1,
      'tidemark_items_in_total{step="in",worker="0"}': 8,
      'tidemark_items_out_total{step="odd",worker="0",output="0"}': 3,
      'tidemark_items_out_total{step="odd",worker="0",output="1"}': 3,
      'tidemark_items_in_total{step="sum",worker="0"}': 3,
      'tidemark_state_keys{step="sum",worker="0"}': 1,
      'tidemark_skipped_items_total{step="skips",worker="0"}': 1,
      'tidemark_skipped_items_total{step="buries",worker="0"}': 1,
      'tidemark_dead_letters_total{step="buries",worker="0"}': 1,
      'tidemark_late_items_total{step="windows",worker="0"}': 1,
      'tidemark_queue_items{step="sum",worker="0"}': 0,
      'tidemark_source_partitions{step="in",worker="0"}': 0,
      'tidemark_snapshot_write_failures_total{worker="0"}': 0,
    }
    for (const [series, value] of Object.entries(expected)) {
      expect(samples.get(series), series).to.equal(value)
    }
    const rows = samples.get('tidemark_snapshot_rows_total{step="sum",worker="0"}')
    expect(rows).to.be.at.least(1)
    const writes = samples.get('tidemark_snapshot_write_duration_seconds_count{worker="0"}')
    expect(writes).to.be.at.least(1)
  })

  it('have histograms whose buckets add up', () => {
    const samples = samplesOf(text)
    const buckets = [...samples].filter(([series]) =>
      series.startsWith('tidemark_epoch_duration_seconds_bucket'),
    )
    const values = buckets.map(([, value]) => value)
    expect(values).to.deep.equal([...values].sort((a, b) => a - b))
    expect(values.at(-1)).to.equal(samples.get('tidemark_epoch_duration_seconds_count{worker="0"}'))
    expect(buckets.at(-1)?.[0]).to.contain('le="+Inf"')
  })

  it('time batches once somebody has looked', async () => {
    const { flow, through } = waiting()
    const execution = start(flow)
    const page = openMetrics(execution, { flow: flow.id })
    await page.read()
    await through
    await execution.stop()
    const samples = samplesOf((await page.read()).text)
    for (const step of ['in', 'sum', 'out']) {
      const series = `tidemark_batch_duration_seconds_count{step="${step}",worker="0"}`
      expect(samples.get(series), series).to.be.at.least(0)
    }
  })

  it("have the user's own after them", async () => {
    const counter = new Counter({ name: 'spec_orders_total', help: 'Orders of the spec.' })
    counter.inc(3)
    const execution = start(thorough())
    const page = openMetrics(execution, { flow: 'thorough' })
    await execution.done
    const { text: both } = await page.read()
    register.removeSingleMetric('spec_orders_total')
    expect(samplesOf(both).get('spec_orders_total')).to.equal(3)
    expect(both).to.contain('tidemark_epoch{worker="0"}')
  })

  it('have those of workers in threads as one @long', async () => {
    const module = new URL('../flows/counted.ts', import.meta.url).href
    const execution = start({ module, export: 'flow' }, { workers: 2 })
    const page = openMetrics(execution, { flow: 'counted' })
    let samples = samplesOf('')
    while (samples.get('spec_seen_total') !== 100) {
      samples = samplesOf((await page.read()).text)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(samples.get('tidemark_exchange_credit_items{worker="0"}')).to.be.within(0, 8192)
    expect(samples.get('tidemark_state_keys_skew{step="sum"}')).to.be.within(1, 2)
    await execution.stop()
    const after = samplesOf((await page.read()).text)
    expect(after.get('spec_seen_total')).to.equal(100)
  })

  it('have the links to other processes', async () => {
    const execution = start(thorough())
    await execution.done
    const links = [{ to: 3, pending: 5, resent: 2, sent: 40, acknowledged: 35 }]
    const workers = (await execution.observe()).map((facts) => ({ ...facts, links }))
    const loopDelay = { mean: 0, p99: 0, max: 0 }
    const scrape = { flow: 'thorough', workers, loopDelay, sinceCommit: null, now: 0 }
    const samples = samplesOf((await new PromPage(CATALOGUE).text(scrape, [])).text)
    const found = [...samples].filter(([series]) => series.startsWith('tidemark_link_'))
    expect(Object.fromEntries(found)).to.deep.equal({
      'tidemark_link_sent_bytes_total{worker="0",to="3"}': 40,
      'tidemark_link_acknowledged_bytes_total{worker="0",to="3"}': 35,
      'tidemark_link_pending_bytes{worker="0",to="3"}': 5,
      'tidemark_link_resent_frames_total{worker="0",to="3"}': 2,
    })
  })

  it('say what was read to resume, and what the state takes', async () => {
    const recovery = new MemoryStore()
    await run(thorough(), { recovery, epochInterval: 0 })
    const execution = start(thorough(), { recovery, epochInterval: 0 })
    const page = openMetrics(execution, { flow: 'thorough' })
    await execution.done
    const samples = samplesOf((await page.read()).text)
    expect(samples.get('tidemark_recovery_loaded_rows{worker="0"}')).to.be.above(1)
    expect(samples.get('tidemark_recovery_loaded_bytes{worker="0"}')).to.be.above(20)
    expect(samples.get('tidemark_recovery_load_seconds{worker="0"}')).to.be.at.least(0)
  })

  it('are those of one page to many scrapes at once', async () => {
    const { flow, through } = waiting()
    const execution = start(flow)
    const page = openMetrics(execution, { flow: flow.id })
    await through
    const texts = await Promise.all(Array.from({ length: 8 }, () => page.read()))
    await execution.stop()
    for (const { text: each } of texts) {
      expect(samplesOf(each).get('tidemark_items_in_total{step="sum",worker="0"}')).to.equal(5)
    }
  })
})
