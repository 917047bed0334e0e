import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import {
  type KafkaClientOptions,
  KafkaError,
  type KafkaSasl,
  KafkaSink,
  KafkaSource,
} from 'tidemark/connectors/kafka'
import { map } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { failure } from '../../support/failure.ts'
import { Folder } from '../../support/folder.ts'
import { KafkaWorld } from '../../support/kafka-world.ts'

const LOGIN = { username: 'ada', password: 'open-sesame' }
const silent = { info: () => {}, warn: () => {}, error: () => {} }

/** A certificate that vouches for itself, and a file of its key and it, as brokers take them. */
const certify = async (folder: Folder): Promise<{ cert: string; keystore: string }> => {
  const paths = { cert: folder.file('cert.pem'), key: folder.file('key.pem') }
  const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=kafka', '-addext', 'subjectAltName=DNS:localhost']
  const out = ['-keyout', paths.key, '-out', paths.cert]
  await promisify(execFile)('openssl', [...words, ...subject, ...out])
  const keystore = folder.file('keystore.pem')
  const parts = await Promise.all([readFile(paths.key), readFile(paths.cert)])
  await writeFile(keystore, Buffer.concat(parts))
  return { cert: await readFile(paths.cert, 'utf8'), keystore }
}

describe(KafkaWorld.titled('a Kafka broker that wants TLS and a password'), () => {
  const folder = new Folder()
  let world: KafkaWorld | null = null
  let ca = ''

  before(async function () {
    if (KafkaWorld.missing) return this.skip()
    await folder.make()
    const { cert, keystore } = await certify(folder)
    ca = cert
    world = await KafkaWorld.make({ keystore, ...LOGIN })
  })

  after(async () => {
    await world?.remove()
    if (folder.path !== '') await folder.remove()
  })

  /** Writes a message and reads it back, both through the door. */
  const pass = async (client: KafkaClientOptions): Promise<readonly string[]> => {
    if (world === null) return []
    const topic = await world.topic()
    const brokers = [`localhost:${world.broker.securePort}`]
    const writing = dataflow('writing')
    writing
      .input('in', new TestingSource([{ value: 'told' }]))
      .output('out', new KafkaSink({ brokers, topic, client, transactional: true }))
    await run(writing, { logger: silent })
    // A source that ends where the topic ends must not come before the transaction can be read.
    expect(await world.values(topic)).to.deep.equal(['told'])
    const out = new TestingSink<string>()
    const reading = dataflow('reading')
    reading
      .input('in', new KafkaSource({ brokers, topics: [topic], tail: false, client }))
      .pipe(map('text', ({ value }) => String(value)))
      .output('out', out)
    await run(reading, { logger: silent })
    return out.items
  }

  it('is written and read with each way to log in @long', async () => {
    for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
      const sasl: KafkaSasl = { mechanism, ...LOGIN }
      expect(await pass({ tls: { ca }, sasl }), mechanism).to.deep.equal(['told'])
    }
  })

  it('tells of a wrong password, of a certificate nobody vouches for, and shows no secret @long', async () => {
    const ask = async (client: KafkaClientOptions): Promise<unknown> => {
      const brokers = [`localhost:${world?.broker.securePort}`]
      return failure(new KafkaSource({ brokers, topics: ['any'], client }).listParts())
    }
    for (const mechanism of ['plain', 'scram-sha-256'] as const) {
      const wrong: KafkaSasl = { mechanism, ...LOGIN, password: 'close-sesame' }
      const refused = await ask({ tls: { ca }, sasl: wrong })
      expect(refused, mechanism).to.be.instanceOf(KafkaError).and.to.include({ retryable: false })
      expect(String(refused), mechanism).to.match(/authentication/i)
      expect(String(refused), mechanism).to.not.include('sesame')
    }
    const sasl: KafkaSasl = { mechanism: 'plain', ...LOGIN }
    const stranger = await ask({ tls: true, sasl })
    expect(stranger).to.be.instanceOf(KafkaError).and.to.include({ retryable: false })
    expect(String(stranger)).to.match(/self.signed certificate/)
  })
})
