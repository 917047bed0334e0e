import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
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
    renameSync(join(work, 'lib'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}

/** A broker of its own on free ports, that can be killed and started again. */
export class KafkaBroker {
  readonly port: number
  readonly #jars: string
  readonly #dir: string
  #process: ChildProcess | null = null
  #starts = 0

  private constructor(made: { jars: string; dir: string; port: number }) {
    this.#jars = made.jars
    this.#dir = made.dir
    this.port = made.port
  }

  static async make(): Promise<KafkaBroker> {
    const folder = await jars()
    const dir = mkdtempSync(join(tmpdir(), 'tidemark-kafka-'))
    const [port, controller] = await freePorts()
    const broker = new KafkaBroker({ jars: folder, dir, port })
    writeFileSync(join(dir, 'server.properties'), properties({ dir, port, controller }))
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER, '-c', broker.#settings]
    await execute('java', ['-Xmx128m', ...FAST, '-cp', broker.#classes, ...format])
    process.once('exit', () => broker.abandon())
    await broker.start()
    return broker
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Resolves when it says that it has started: an open port is too early. */
  async start(): Promise<void> {
    this.#starts += 1
    const log = join(this.#dir, `${this.#starts}.log`)
    const out = openSync(log, 'w')
    const words = ['-Xmx256m', '-Xms64m', ...FAST, ...LOGS, '-cp', this.#classes]
    const child = spawn('java', [...words, 'kafka.Kafka', this.#settings], {
      stdio: ['ignore', out, out],
    })
    closeSync(out)
    // One that is shared by all spec files must not keep the process.
    child.unref()
    this.#process = child
    for (;;) {
      const said = readFileSync(log, 'utf8')
      if (said.includes('Kafka Server started')) return
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(said)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
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
    await this.kill()
    await rm(this.#dir, { recursive: true, force: true })
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

const properties = (made: { dir: string; port: number; controller: number }): string =>
  `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${made.controller}
listeners=PLAINTEXT://127.0.0.1:${made.port},CONTROLLER://127.0.0.1:${made.controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${made.port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${made.dir}/data
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
log.retention.check.interval.ms=300
log.retention.ms=-1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
`

const freePorts = async (): Promise<[number, number]> => {
  const listen = () =>
    new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
      const server = createServer()
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => resolve(server))
    })
  const servers = [await listen(), await listen()]
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return [ports[0] ?? 0, ports[1] ?? 0]
}
