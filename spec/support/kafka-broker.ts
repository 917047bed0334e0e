import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

const VERSION = '4.4.0'
const CLUSTER = 'AAAAAAAAAAAAAAAAAAAAAQ'
/** What a spec that needs a broker says where there is none. */
export const INSTALL_KAFKA = 'no Kafka broker: apt-get install default-jre-headless maven'

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${VERSION}</version>
      <exclusions>
        <exclusion>
          <groupId>org.apache.kafka</groupId>
          <artifactId>kafka-tools-api</artifactId>
        </exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
`

/** Where the broker's jars are, or will be. */
const jarsFolder = (): string =>
  process.env['TIDEMARK_KAFKA_JARS'] ?? join('node_modules', '.cache', `kafka-${VERSION}`)

const answers = (program: string, flag: string): boolean => {
  try {
    execFileSync(program, [flag], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

let found: boolean | null = null

/** Whether there is Java, and either the broker's jars or Maven to get them. */
export const hasKafka = (): boolean => {
  found ??= answers('java', '-version') && (existsSync(jarsFolder()) || answers('mvn', '-v'))
  return found
}

/** The classes of a broker that ran before, as Java keeps them: the next one starts in half the time. */
const classesOf = (folder: string): string => `${folder}.jsa`

/** Whether a broker is keeping its classes just now: it takes a while, and one is enough. */
let keeping = false

/** Has Maven put the broker's jars into their folder, unless they are there. */
const jars = async (): Promise<string> => {
  const folder = jarsFolder()
  if (existsSync(folder)) return folder
  mkdirSync(join(folder, '..'), { recursive: true })
  const work = mkdtempSync(`${folder}-`)
  try {
    writeFileSync(join(work, 'pom.xml'), POM)
    const goal = ['-B', '-q', 'dependency:copy-dependencies', '-DoutputDirectory=lib']
    await execute('mvn', goal, { cwd: work })
    rmSync(classesOf(folder), { force: true })
    renameSync(join(work, 'lib'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}

/** Where a node of a cluster listens: clients, the other nodes' controllers. */
interface Node {
  readonly id: number
  readonly port: number
  readonly controller: number
}

/** A second door, for who has a name and a password, over TLS. */
export interface SecureDoor {
  /** PEM of the key, and of the certificate behind it. */
  readonly keystore: string
  readonly username: string
  readonly password: string
}

/** A broker of its own on free ports, that can be killed and started again. */
export class KafkaBroker {
  readonly id: number
  readonly port: number
  /** Of the second door; 0 without one. */
  readonly securePort: number
  readonly #jars: string
  readonly #dir: string
  #process: ChildProcess | null = null
  /** Where its classes are put as it ends; `null` where some are kept. */
  #kept: string | null = null

  private constructor(made: { jars: string; dir: string; node: Node; securePort: number }) {
    this.#jars = made.jars
    this.#dir = made.dir
    this.id = made.node.id
    this.port = made.node.port
    this.securePort = made.securePort
  }

  static async make(door: SecureDoor | null = null): Promise<KafkaBroker> {
    const [broker] = await KafkaBroker.#start(1, door)
    return broker as KafkaBroker
  }

  /** Brokers that are one cluster, each of which has all of every topic. */
  static cluster(size: number): Promise<readonly KafkaBroker[]> {
    return KafkaBroker.#start(size, null)
  }

  static async #start(size: number, door: SecureDoor | null): Promise<readonly KafkaBroker[]> {
    const folder = await jars()
    const [securePort = 0, ...ports] = await freePorts(2 * size + 1)
    const nodes = Array.from({ length: size }, (_, at) => ({
      id: at + 1,
      port: ports[2 * at] ?? 0,
      controller: ports[2 * at + 1] ?? 0,
    }))
    const brokers = nodes.map((node) => {
      const dir = mkdtempSync(join(tmpdir(), 'tidemark-kafka-'))
      const second = door === null ? CLOSED : secured(securePort, door)
      writeFileSync(join(dir, 'server.properties'), properties(node, { dir, nodes, second }))
      return new KafkaBroker({ jars: folder, dir, node, securePort })
    })
    process.once('exit', () => {
      for (const broker of brokers) broker.abandon()
    })
    await Promise.all(brokers.map((broker) => broker.#format(door)))
    // None is through before most of them are there.
    await Promise.all(brokers.map((broker) => broker.start()))
    return brokers
  }

  async #format(door: SecureDoor | null): Promise<void> {
    const words = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER, '-c', this.#settings]
    if (door !== null) {
      const user = `[name=${door.username},password=${door.password}]`
      for (const bits of [256, 512]) words.push('--add-scram', `SCRAM-SHA-${bits}=${user}`)
    }
    const classes = classesOf(this.#jars)
    const sharing = existsSync(classes) ? [`-XX:SharedArchiveFile=${classes}`] : []
    await execute('java', ['-Xmx128m', ...FAST, ...sharing, '-cp', this.#classes, ...words])
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Resolves when it says that it has started: an open port is too early. */
  async start(): Promise<void> {
    const words = ['-Xmx256m', '-Xms64m', ...FAST, this.#sharing(), ...LOGS, '-cp', this.#classes]
    const child = spawn('java', [...words, 'kafka.Kafka', this.#settings], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    await new Promise<void>((resolve, reject) => {
      let said = ''
      let started = false
      const hear = (chunk: Buffer): void => {
        if (started) return
        said += String(chunk)
        started = said.includes('Kafka Server started')
        if (started) resolve()
      }
      child.stdout.on('data', hear)
      child.stderr.on('data', hear)
      child.once('exit', () => reject(new Error(said)))
    })
    // One that is shared by all spec files must not keep the process; nobody reads what it says now.
    child.stdout.destroy()
    child.stderr.destroy()
    child.unref()
  }

  /** The file that the first messages of a partition lie in. */
  logOf(topic: string, partition: number): string {
    return join(this.#dir, 'data', `${topic}-${partition}`, `${'0'.repeat(20)}.log`)
  }

  /** At the end of the process, when nothing can be awaited any more. */
  abandon(): void {
    this.#process?.kill('SIGKILL')
    rmSync(this.#dir, { recursive: true, force: true })
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    this.#process = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    await new Promise<void>((resolve) => {
      child.ref()
      child.once('exit', () => resolve())
      child.kill(signal)
    })
  }

  async remove(): Promise<void> {
    await this.#keepClasses()
    await this.kill()
    await rm(this.#dir, { recursive: true, force: true })
  }

  #sharing(): string {
    const classes = classesOf(this.#jars)
    this.#kept = existsSync(classes) ? null : `${classes}-${process.pid}-${this.port}`
    return this.#kept === null
      ? `-XX:SharedArchiveFile=${classes}`
      : `-XX:ArchiveClassesAtExit=${this.#kept}`
  }

  /** Java writes them when it ends by itself. */
  async #keepClasses(): Promise<void> {
    const [child, kept, classes] = [this.#process, this.#kept, classesOf(this.#jars)]
    if (child === null || kept === null || keeping || existsSync(classes)) return
    keeping = true
    const late = setTimeout(() => child.kill('SIGKILL'), 30_000)
    await this.kill('SIGTERM')
    clearTimeout(late)
    keeping = false
    if (child.signalCode === null && existsSync(kept)) renameSync(kept, classes)
    else rmSync(kept, { force: true })
  }

  get #settings(): string {
    return join(this.#dir, 'server.properties')
  }

  get #classes(): string {
    return join(this.#jars, '*')
  }
}

const FAST = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true']
const LOGS = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
]

const properties = (
  node: Node,
  facts: {
    readonly dir: string
    readonly nodes: readonly Node[]
    readonly second: { readonly door: string; readonly settings: string }
  },
): string => {
  const { door, settings } = facts.second
  const size = facts.nodes.length
  const voters = facts.nodes.map(({ id, controller }) => `${id}@127.0.0.1:${controller}`)
  return `process.roles=broker,controller
node.id=${node.id}
controller.quorum.voters=${voters.join(',')}
listeners=PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controller}${door}
advertised.listeners=PLAINTEXT://127.0.0.1:${node.port}${door}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL
log.dirs=${facts.dir}/data
num.partitions=4
auto.create.topics.enable=false
min.insync.replicas=${Math.min(size, 2)}
offsets.topic.replication.factor=${size}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=${size}
transaction.state.log.min.isr=${Math.min(size, 2)}
transaction.state.log.num.partitions=1
default.replication.factor=${size}
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
log.retention.check.interval.ms=300
log.retention.ms=-1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
${settings}`
}

const CLOSED = { door: '', settings: '' }

/** Behind it everybody needs a name and a password; certificates name no addresses. */
const secured = (port: number, { keystore, username, password }: SecureDoor) => {
  const security = 'org.apache.kafka.common.security'
  const settings = `listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secure.plain.sasl.jaas.config=${security}.plain.PlainLoginModule required user_${username}="${password}";
listener.name.secure.scram-sha-256.sasl.jaas.config=${security}.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config=${security}.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location=${keystore}
`
  return { door: `,SECURE://localhost:${port}`, settings }
}

const freePorts = async (count: number): Promise<readonly number[]> => {
  const listen = () =>
    new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
      const server = createServer()
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => resolve(server))
    })
  const servers = await Promise.all(Array.from({ length: count }, listen))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}
