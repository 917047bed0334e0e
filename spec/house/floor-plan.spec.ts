import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'

const IMPORTS = 'lint/style/noRestrictedImports'
const GLOBALS = 'lint/style/noRestrictedGlobals'
const PLUGIN = 'plugin'

interface Plant {
  readonly room: string
  readonly code: string
  /** The rule that must fire, or null where the linter must stay quiet. */
  readonly rule: string | null
}

const plant = (room: string, code: string, rule: string | null): Plant => ({ room, code, rule })

const importing = (room: string, from: string, rule: string | null): Plant =>
  plant(room, `import { it } from '${from}'\nexport const held = it\n`, rule)

const using = (room: string, expression: string, rule: string | null): Plant =>
  plant(room, `export const held = () => ${expression}\n`, rule)

const WRONG_ARROWS: readonly Plant[] = [
  ...['operators', 'connectors', 'cluster', 'testing', 'cli', 'ops'].map((above) =>
    importing('lib/run', `../../${above}/it.ts`, IMPORTS),
  ),
  importing('lib', '../operators/map.ts', IMPORTS),
  importing('lib/worker', '../run/run.ts', IMPORTS),
  ...['actor', 'exchange', 'recovery'].flatMap((room) => [
    importing(`lib/${room}`, '../run/run.ts', IMPORTS),
    importing(`lib/${room}`, '../worker/worker.ts', IMPORTS),
  ]),
  ...['run', 'worker', 'actor', 'exchange', 'recovery'].map((above) =>
    importing('lib/flow', `../${above}/it.ts`, IMPORTS),
  ),
  ...['signal', 'time', 'state'].flatMap((room) => [
    importing(`lib/${room}`, '../flow/step.ts', IMPORTS),
    importing(`lib/${room}`, '../actor/actor.ts', IMPORTS),
  ]),
  ...['errors', 'codec', 'runtime'].flatMap((room) => [
    importing(`lib/${room}`, '../time/time.ts', IMPORTS),
    importing(`lib/${room}`, '../state/logic.ts', IMPORTS),
    importing(`lib/${room}`, '../recovery/store.ts', IMPORTS),
  ]),
  importing('operators', '../connectors/files/file-source.ts', IMPORTS),
  importing('operators/windowing', '../../cluster/link.ts', IMPORTS),
  importing('operators', '../testing/testing-source.ts', IMPORTS),
  importing('cluster', '../operators/map.ts', IMPORTS),
  importing('connectors/kafka', '../../cluster/link.ts', IMPORTS),
  importing('connectors/kafka', '../../testing/testing-source.ts', IMPORTS),
  importing('testing', '../spec/support/world.ts', IMPORTS),
  importing('lib/flow', 'tidemark', IMPORTS),
  importing('operators', 'tidemark/testing', IMPORTS),
  importing('samples', '../lib/flow/source.ts', IMPORTS),
  plant('lib/time', "export { it } from '../flow/step.ts'\n", IMPORTS),
  plant('lib/time', "import type { It } from '../flow/step.ts'\nexport type Held = It\n", IMPORTS),
]

const RIGHT_ARROWS: readonly Plant[] = [
  importing('lib/run', '../worker/worker.ts', null),
  importing('lib/worker', '../exchange/link.ts', null),
  importing('lib/flow', '../state/logic.ts', null),
  importing('lib/time', '../errors/errors.ts', null),
  importing('operators', '../lib/flow/operator.ts', null),
  importing('cluster', '../lib/exchange/link.ts', null),
  importing('connectors/kafka', '../../operators/map.ts', null),
  importing('cli', '../cluster/index.ts', null),
  importing('samples', 'tidemark/operators', null),
]

const HOMES: readonly (readonly [driver: string, homes: readonly string[]])[] = [
  ['level', ['lib/recovery/level.ts']],
  ['msgpackr', ['lib/codec/msgpack.ts']],
  ['luxon', ['lib/time/luxon.ts']],
  ['nats', ['cluster/nats-dial.ts', 'cluster/nats.ts', 'connectors/nats/driver.ts']],
  ['csv-parse', ['connectors/files/csv-rows.ts']],
  ['hyparquet', ['connectors/files/parquet-driver.ts']],
  ['hyparquet-writer', ['connectors/files/parquet-driver.ts']],
  ['@aws-sdk/client-s3', ['connectors/s3/driver.ts']],
  ['eventsource-parser', ['connectors/http/event-stream.ts']],
  ['ws', ['connectors/websocket/driver.ts']],
  ['ioredis', ['connectors/redis/driver.ts']],
  ['commander', ['cli/commands.ts']],
  ['@opentelemetry/api', ['ops/tracing/otlp.ts']],
  ['@opentelemetry/sdk-trace-base', ['ops/tracing/otlp.ts']],
  ['yaml', ['ops/deploy/yaml.ts']],
  ['kafka-ts', ['connectors/kafka/driver.ts']],
  ['avsc', ['connectors/kafka/avro-driver.ts']],
  ['uplot', ['ops/dashboard/page/plots.ts']],
  ['@dagrejs/dagre', ['ops/dashboard/page/graph-layout.ts']],
]

const DRIVERS: readonly Plant[] = HOMES.flatMap(([driver, homes]) => [
  importing(dirname(homes[0] ?? ''), driver, PLUGIN),
  plant('cli', `export const held = import('${driver}/part')\n`, PLUGIN),
  plant('testing', `export const held = createRequire(import.meta.url)('${driver}')\n`, PLUGIN),
  plant('operators', `import type { It } from '${driver}'\nexport type Held = It\n`, null),
  ...homes.map((home) => importing(home, driver, null)),
])

const TIME_AND_CHANCE: readonly Plant[] = ['lib/worker', 'operators', 'cluster'].flatMap((room) => [
  using(room, 'setTimeout(() => {}, 1)', GLOBALS),
  using(room, 'setInterval(() => {}, 1)', GLOBALS),
  using(room, 'setImmediate(() => {})', GLOBALS),
  using(room, 'performance.now()', GLOBALS),
  using(room, 'globalThis.setTimeout(() => {}, 1)', PLUGIN),
  using(room, 'Date.now()', PLUGIN),
  using(room, 'globalThis.Date.now()', PLUGIN),
  using(room, '[1].map(Date.now)', PLUGIN),
  using(room, 'new Date()', PLUGIN),
  using(room, 'Math.random()', PLUGIN),
  using(room, 'process.hrtime.bigint()', PLUGIN),
  using(room, 'crypto.randomUUID()', PLUGIN),
  importing(room, 'node:timers/promises', PLUGIN),
  importing(room, 'node:perf_hooks', PLUGIN),
  plant(room, "import { map, timer } from 'rxjs'\nexport const held = [map, timer]\n", PLUGIN),
  plant(
    room,
    "import { randomBytes } from 'node:crypto'\nexport const held = randomBytes\n",
    PLUGIN,
  ),
  using(room, 'new Date(5)', null),
  plant(room, "import { createHash } from 'node:crypto'\nexport const held = createHash\n", null),
])

const RUNTIME: readonly Plant[] = [
  using('lib/runtime', '[Date.now(), new Date(), Math.random()]', null),
  using('lib/runtime', 'setTimeout(() => performance.now(), 1)', null),
]

const fileOf = ({ room }: Plant, index: number): string =>
  room.endsWith('.ts') ? room : `${room}/planted-${index}.ts`

/** The rules of the floor plan that fire, by file; one run of the linter for all plants. */
const lint = (plants: readonly Plant[]): ReadonlyMap<string, readonly string[]> => {
  const root = mkdtempSync(join(tmpdir(), 'floor-plan-'))
  try {
    for (const path of ['biome.json', '.gitignore', 'package.json', 'spec/house/rules']) {
      cpSync(path, join(root, path), { recursive: true })
    }
    for (const [index, planted] of plants.entries()) {
      const file = join(root, fileOf(planted, index))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, planted.code)
    }
    const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')
    const args = [biome, 'lint', '--reporter=json', '--max-diagnostics=none', '.']
    const { stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
    return fired(stdout)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

interface Diagnostic {
  readonly category: string
  readonly location: { readonly path: string }
}

const fired = (report: string): ReadonlyMap<string, readonly string[]> => {
  const { diagnostics } = JSON.parse(report) as { readonly diagnostics: readonly Diagnostic[] }
  const found = new Map<string, string[]>()
  for (const { category, location } of diagnostics) {
    if (category !== IMPORTS && category !== GLOBALS && category !== PLUGIN) continue
    found.set(location.path, [...(found.get(location.path) ?? []), category])
  }
  return found
}

describe('the floor plan', () => {
  const groups: readonly (readonly [promise: string, plants: readonly Plant[]])[] = [
    ['refuses each wrong arrow', WRONG_ARROWS],
    ['lets each right arrow pass', RIGHT_ARROWS],
    ['keeps each driver in its one file, and lets its types travel', DRIVERS],
    ['refuses clock, timer and chance outside Runtime', TIME_AND_CHANCE],
    ['leaves clock, timer and chance to lib/runtime', RUNTIME],
  ]
  const plants = groups.flatMap(([, group]) => group)
  let found: ReadonlyMap<string, readonly string[]> = new Map()

  before(() => {
    found = lint(plants)
  })

  for (const [promise, group] of groups) {
    it(promise, () => {
      const wrong = group.filter((planted) => {
        const rules = found.get(fileOf(planted, plants.indexOf(planted))) ?? []
        return planted.rule === null ? rules.length > 0 : !rules.includes(planted.rule)
      })
      expect(wrong.map(({ room, code }) => `${room}: ${code}`)).to.deep.equal([])
    })
  }
})
