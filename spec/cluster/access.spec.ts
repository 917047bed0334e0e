import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { nkeys } from 'nats'
import { connectNats } from '../../cluster/nats.ts'
import { LocalNats } from '../../cluster/nats-server.ts'
import { ClusterError } from '../../lib/errors/errors.ts'
import type { NatsOptions } from '../../lib/run/nats-options.ts'
import { Folder } from '../support/folder.ts'
import { describeWithNats } from './with-nats.ts'

type KeyPair = ReturnType<typeof nkeys.createUser>
type Access = Omit<NatsOptions, 'servers'>

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const base64url = (value: string | Uint8Array): string => Buffer.from(value).toString('base64url')

/** A JWT as NATS wants it, signed with an nkey. */
const jwt = (
  name: string,
  { issuer, subject, nats }: { issuer: KeyPair; subject: KeyPair; nats: object },
): string => {
  const head = base64url(JSON.stringify({ typ: 'JWT', alg: 'ed25519-nkey' }))
  const claims = {
    jti: name,
    iat: 1_600_000_000,
    iss: issuer.getPublicKey(),
    name,
    sub: subject.getPublicKey(),
    nats: { version: 2, ...nats },
  }
  const signed = `${head}.${base64url(JSON.stringify(claims))}`
  return `${signed}.${base64url(issuer.sign(new TextEncoder().encode(signed)))}`
}

const NO_LIMITS = { subs: -1, data: -1, payload: -1 }

describeWithNats('Who may come in', () => {
  const folder = new Folder()
  let server: LocalNats | null = null

  beforeEach(() => folder.make())
  afterEach(async () => {
    await server?.stop()
    server = null
    await folder.remove()
  })

  const begin = async (config: string): Promise<LocalNats> => {
    const file = folder.file('nats.conf')
    await writeFile(file, config)
    server = await LocalNats.start({ args: ['-c', file], jetstream: false })
    return server
  }

  /** Whether a connection with these gets an answer; what is refused is refused with one clear error. */
  const comesIn = async (access: Access, scheme = 'nats'): Promise<boolean> => {
    const servers = `${scheme}://127.0.0.1:${server?.port}`
    try {
      const messaging = await connectNats({ servers, name: 'spec', ...access })
      await messaging.roundTrip()
      await messaging.close()
      return true
    } catch (error) {
      expect(error).to.be.instanceOf(ClusterError)
      return false
    }
  }

  it('is who has the token', async () => {
    await begin('authorization { token: "s3cret" }')
    expect(await comesIn({ token: 's3cret' })).to.equal(true)
    expect(await comesIn({ token: 'other' })).to.equal(false)
    expect(await comesIn({})).to.equal(false)
  })

  it('is who has the user and password', async () => {
    await begin('authorization { users = [ { user: "flow", password: "s3cret" } ] }')
    expect(await comesIn({ user: 'flow', pass: 's3cret' })).to.equal(true)
    expect(await comesIn({ user: 'flow', pass: 'other' })).to.equal(false)
  })

  it('is who has the seed of an nkey that the server knows', async () => {
    const [known, stranger] = [nkeys.createUser(), nkeys.createUser()]
    await begin(`authorization { users = [ { nkey: "${known.getPublicKey()}" } ] }`)
    expect(await comesIn({ nkeySeed: text(known.getSeed()) })).to.equal(true)
    expect(await comesIn({ nkeySeed: text(stranger.getSeed()) })).to.equal(false)
  })

  it('is who has credentials that the operator of the server stands for', async () => {
    const [operator, account, user] = [
      nkeys.createOperator(),
      nkeys.createAccount(),
      nkeys.createUser(),
    ]
    const limits = { ...NO_LIMITS, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }
    const ofOperator = jwt('operator', {
      issuer: operator,
      subject: operator,
      nats: { type: 'operator' },
    })
    const ofAccount = jwt('account', {
      issuer: operator,
      subject: account,
      nats: { type: 'account', limits },
    })
    await begin(
      `operator: ${ofOperator}\nresolver: MEMORY\nresolver_preload: { ${account.getPublicKey()}: ${ofAccount} }`,
    )
    const credsOf = async (name: string, issuer: KeyPair): Promise<string> => {
      const ofUser = jwt(name, {
        issuer,
        subject: user,
        nats: { type: 'user', pub: {}, sub: {}, ...NO_LIMITS },
      })
      const file = folder.file(`${name}.creds`)
      await writeFile(
        file,
        `-----BEGIN NATS USER JWT-----\n${ofUser}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${text(user.getSeed())}\n------END USER NKEY SEED------\n`,
      )
      return file
    }
    expect(await comesIn({ creds: await credsOf('user', account) })).to.equal(true)
    expect(await comesIn({ creds: await credsOf('forged', nkeys.createAccount()) })).to.equal(false)
  })

  it('is who trusts the server and is trusted by it, over TLS @long', async () => {
    const openssl = (...args: readonly string[]): void => {
      execFileSync('openssl', args, { stdio: 'ignore' })
    }
    const [key, cert] = [folder.file('key.pem'), folder.file('cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...subject]
    openssl(...made, '-keyout', key, '-out', cert)
    await begin(
      `tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${cert}", verify: true }`,
    )
    const mutual = { caFile: cert, certFile: cert, keyFile: key }
    expect(await comesIn({ tls: mutual }, 'tls')).to.equal(true)
    expect(await comesIn({ tls: { caFile: cert } }, 'tls')).to.equal(false)
    expect(await comesIn({})).to.equal(false)
  })

  it('never learns secrets from an error', async () => {
    await begin('authorization { token: "s3cret" }')
    const failure = await connectNats({
      servers: `nats://wrong-t0ken@127.0.0.1:${server?.port}`,
      name: 'spec',
    }).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(ClusterError)
    expect(String(failure)).to.not.include('wrong-t0ken')
  })
})
