import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dirArchive } from 'tidemark'
import { LocalNats, natsArchive } from 'tidemark/cluster'
import { s3Archive } from 'tidemark/connectors/s3'
import { describeWithNats } from '../cluster/with-nats.ts'
import { MemoryArchive } from '../lib/recovery/memory-archive.ts'
import { describeArchive } from './archive-contract.ts'
import { FakeS3 } from './fake-s3.ts'

let count = 0
let unique = ''

beforeEach(() => {
  count += 1
  unique = `archive-${count}`
})

describe('An archive', () => {
  let memory: MemoryArchive
  let base: string

  beforeEach(async () => {
    memory = new MemoryArchive()
    base = await mkdtemp(join(tmpdir(), 'archive-'))
  })

  afterEach(() => rm(base, { recursive: true, force: true }))

  describeArchive('in memory', async () => memory)
  describeArchive('in a directory', () => dirArchive(join(base, 'far')).open())
})

describe('An archive in S3', () => {
  let s3: FakeS3
  const variables = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' }
  const before_: Record<string, string | undefined> = {}

  before(async () => {
    for (const [name, value] of Object.entries(variables)) {
      before_[name] = process.env[name]
      process.env[name] = value
    }
    s3 = await FakeS3.start()
  })

  after(async () => {
    for (const name of Object.keys(variables)) {
      const value = before_[name]
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    await s3.stop()
  })

  describeArchive('by its endpoint', () =>
    s3Archive(`bucket/${unique}/orders`, { endpoint: s3.url }).open(),
  )
})

describeWithNats('An archive in NATS', () => {
  let nats: LocalNats

  before(async () => {
    nats = await LocalNats.start()
  })

  after(() => nats.stop())

  describeArchive('in an object store', () => natsArchive(unique, { servers: nats.url }).open())
})
