import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { ConnectorError } from 'tidemark'
import { NatsSource, type NatsSourceOptions } from 'tidemark/connectors/nats'
import { LocalNats } from '../../../cluster/nats-server.ts'
import { Folder } from '../../support/folder.ts'
import { NatsWorld } from '../../support/nats-world.ts'

/** A certificate that vouches for itself, for a host by its name: the client compares no addresses. */
const certify = async (folder: Folder): Promise<{ cert: string; key: string }> => {
  const paths = { cert: folder.file('cert.pem'), key: folder.file('key.pem') }
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const subject = ['-subj', '/CN=nats', '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
  const out = ['-keyout', paths.key, '-out', paths.cert]
  await promisify(execFile)('openssl', [...words, ...subject, ...out])
  return paths
}

describe(NatsWorld.titled('a NATS server that speaks TLS'), function () {
  const folder = new Folder()
  let server: LocalNats
  let cert = ''

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    await folder.make()
    const paths = await certify(folder)
    cert = paths.cert
    server = await LocalNats.start({
      args: ['--tls', '--tlscert', cert, '--tlskey', paths.key],
    })
  })

  after(async () => {
    await server?.stop()
    if (folder.path !== '') await folder.remove()
  })

  const enter = async (tls: NatsSourceOptions['tls']): Promise<unknown> => {
    try {
      const more = tls === undefined ? {} : { tls }
      const source = new NatsSource({
        servers: server.url.replace('127.0.0.1', 'localhost'),
        subject: 'any',
        ...more,
      })
      const part = await source.build('flow.in', 0)
      await part.close()
      return null
    } catch (error) {
      return error
    }
  }

  it('is believed when its certificate is vouched for, and not otherwise', async () => {
    expect(await enter({ caFile: cert })).to.equal(null)
    const refused = await enter(undefined)
    expect(refused).to.be.instanceOf(ConnectorError)
    expect(String(refused)).to.match(/self.signed certificate/)
  })
})
