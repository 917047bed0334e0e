import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { KafkaWorld, record } from '../../support/kafka-world.ts'

describe(KafkaWorld.titled('samples/kafka-anonymize.ts'), () => {
  let world: KafkaWorld

  before(async function () {
    if (KafkaWorld.missing) return this.skip()
    world = await KafkaWorld.shared()
  })

  after(() => world?.remove())

  it('parses, anonymizes, filters and writes messages, and puts bad ones aside with their bytes', async () => {
    await world.topic(2, 'visits')
    await world.topic(1, 'visits-clean')
    await world.topic(1, 'visits-bad')
    const visit = (user: string, page: string) => JSON.stringify({ user, page, ip: '10.0.0.1' })
    await world.write('visits', [visit('ada', '/a'), visit('bob', '/internal/x'), '{"user":'], 0)
    const noise = record(Buffer.from([0xff, 0]))
    await world.send({
      topic: 'visits',
      partition: 1,
      records: [noise, record(visit('ada', '/b'))],
    })
    const words = ['--import=tsx', '--conditions=source', 'cli/main.ts', 'run', '--no-api']
    await promisify(execFile)(process.execPath, [...words, 'samples/kafka-anonymize.ts'], {
      env: { ...process.env, BROKERS: world.broker.address, TAIL: 'no' },
    })
    const clean = await world.held('visits-clean')
    const pages = clean.map(({ value }) => JSON.parse(value ?? '').page)
    expect([...pages].sort()).to.deep.equal(['/a', '/b'])
    expect(new Set(clean.map(({ key }) => key)).size).to.equal(1)
    expect(clean.some(({ value }) => /ada|10\.0/.test(value ?? ''))).to.equal(false)
    const bad = await world.values('visits-bad')
    expect([...bad].sort()).to.deep.equal(['{"user":', Buffer.from([0xff, 0]).toString()].sort())
  })
})
