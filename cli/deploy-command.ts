import { BuildError } from '../lib/errors/errors.ts'
import { checkFlow } from '../lib/flow/check.ts'
import { adoptRuns } from '../lib/run/adoption.ts'
import { composeFile, OWN_NATS_URL } from '../ops/deploy/compose.ts'
import { indexedJob, statefulSet } from '../ops/deploy/kubernetes.ts'
import type { DeployPlan } from '../ops/deploy/plan.ts'
import { toYaml } from '../ops/deploy/yaml.ts'
import { DONE, type World } from './exit.ts'
import { findFlow } from './find-flow.ts'
import { parseModuleSpec } from './module-spec.ts'
import { UsageError } from './usage-error.ts'

export interface DeployFlags {
  readonly name?: string
  readonly image?: string
  readonly replicas?: string
  readonly workers?: string
  readonly nats?: string
  readonly recovery?: boolean
  readonly storage?: string
  readonly storageClass?: string
  readonly snapshotInterval?: string
  readonly cpu?: string
  readonly memory?: string
  readonly job?: boolean
}

const MOST_PROCESSES = 1024

/** Prints manifests for Kubernetes; gives the exit code. */
export const deployKubernetes = async (
  target: string,
  flags: DeployFlags,
  world: World,
): Promise<number> => {
  const plan = await planOf(target, { flags, world, nats: 'nats://nats:4222' })
  const documents = flags.job === true ? indexedJob(plan) : statefulSet(plan)
  world.print(toYaml(documents, kubernetesNotes(plan, flags.job === true)))
  return DONE
}

/** Prints a Compose file; gives the exit code. */
export const deployCompose = async (
  target: string,
  flags: DeployFlags,
  world: World,
): Promise<number> => {
  const plan = await planOf(target, { flags, world, nats: OWN_NATS_URL })
  world.print(toYaml([composeFile(plan)], composeNotes(plan)))
  return DONE
}

const planOf = async (
  target: string,
  { flags, world, nats }: { flags: DeployFlags; world: World; nats: string },
): Promise<DeployPlan> => {
  const spec = parseModuleSpec(target)
  if (/^(\/|file:|[A-Za-z]:\\)|(^|\/)\.\.(\/|$)/.test(spec.module)) {
    throw new UsageError(
      `"${spec.module}" is a place on this machine: name the module as it lies in the image, relative to its working folder, as in tidemark deploy k8s flow.ts.`,
    )
  }
  const flowId = await flowIdOf(target, world)
  const replicas = countOf('--replicas', flags.replicas ?? '1')
  return {
    name: nameOf(flags.name, flowId),
    flowId,
    module: target,
    image: matching('--image', flags.image ?? `${flowId.toLowerCase()}:latest`, IMAGE),
    replicas,
    workers: countOf('--workers', flags.workers ?? '1'),
    nats: replicas === 1 ? null : matching('--nats', flags.nats ?? nats, SERVERS),
    recovery:
      flags.recovery === false
        ? null
        : {
            storage: matching('--storage', flags.storage ?? '10Gi', QUANTITY),
            storageClass:
              flags.storageClass === undefined
                ? null
                : matching('--storage-class', flags.storageClass, SUBDOMAIN),
          },
    snapshotInterval:
      flags.snapshotInterval === undefined
        ? null
        : Number(matching('--snapshot-interval', flags.snapshotInterval, SECONDS)),
    cpu: matching('--cpu', flags.cpu ?? '1', CPU),
    memory: matching('--memory', flags.memory ?? '1Gi', QUANTITY),
  }
}

const flowIdOf = async (target: string, { directory }: World): Promise<string> => {
  try {
    const { flow, options } = await findFlow(parseModuleSpec(target), directory)
    checkFlow(flow, options.onError ?? 'stop')
    return flow.id
  } catch (cause) {
    if (cause instanceof BuildError) throw new UsageError(cause.message, { cause })
    throw cause
  } finally {
    adoptRuns(null)
  }
}

interface Form {
  readonly pattern: RegExp
  readonly says: string
}

/** The names of pods and their revisions must still be names of hosts. */
const NAME: Form = {
  pattern: /^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$/,
  says: 'up to 52 small letters, digits and "-", as in --name orders',
}
const IMAGE: Form = {
  pattern: /^[a-z0-9][\w.:/@-]{0,254}$/i,
  says: 'the name of an image, as in --image registry.example/orders:1',
}
const SERVERS: Form = {
  pattern: /^(nats|tls|wss?):\/\/[^\s,@]+(,(nats|tls|wss?):\/\/[^\s,@]+)*$/,
  says: 'URLs of NATS servers without secrets in them, as in --nats nats://nats:4222; secrets go into variables',
}
const QUANTITY: Form = {
  pattern: /^[1-9]\d{0,6}[MGT]i$/,
  says: 'an amount of bytes, as 512Mi or 10Gi',
}
const CPU: Form = {
  pattern: /^([1-9]\d{0,5}m|\d{1,3}(\.\d{1,3})?)$/,
  says: 'a number of cores, as 2 or 500m',
}
const SECONDS: Form = { pattern: /^\d{1,6}(\.\d{1,3})?$/, says: 'seconds, as 30 or 0.5' }
const SUBDOMAIN: Form = {
  pattern: /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/,
  says: 'the name of a storage class',
}

const matching = (flag: string, text: string, { pattern, says }: Form): string => {
  if (pattern.test(text)) return text
  throw new UsageError(`${flag} takes ${says}; got "${text}".`)
}

const countOf = (flag: string, text: string): number => {
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= MOST_PROCESSES) return count
  throw new UsageError(`${flag} takes a whole number from 1 to ${MOST_PROCESSES}; got "${text}".`)
}

const nameOf = (given: string | undefined, flowId: string): string => {
  if (given !== undefined) return matching('--name', given, NAME)
  const name = flowId
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 52)
    .replace(/-+$/, '')
  if (NAME.pattern.test(name)) return name
  throw new UsageError(`The flow's id "${flowId}" makes no name for Kubernetes: give --name.`)
}

const kubernetesNotes = ({ name, flowId, replicas }: DeployPlan, job: boolean): string =>
  [
    `The flow "${flowId}" on Kubernetes 1.28 or newer, made by \`tidemark deploy k8s\`.`,
    'Requests to the API need a token; make it first:',
    `  kubectl create secret generic ${name}-api --from-literal=token="$(openssl rand -hex 32)"`,
    ...(replicas === 1
      ? []
      : [
          'Where NATS asks who is there, its secret is read too (NATS_TOKEN or NATS_NKEY_SEED work as well):',
          `  kubectl create secret generic ${name}-nats --from-literal=NATS_USER=... --from-literal=NATS_PASSWORD=...`,
        ]),
    ...(job
      ? [
          'State lives as long as its pod: a process that dies goes on from it, a pod that is lost begins anew.',
        ]
      : [
          'Other numbers of replicas: print this again, since every process has to know how many there are.',
        ]),
  ].join('\n')

const composeNotes = ({ flowId }: DeployPlan): string =>
  [
    `The flow "${flowId}" with Docker Compose, made by \`tidemark deploy compose\`.`,
    'Requests to the API need a token; set it first:',
    '  export TIDEMARK_API_TOKEN="$(openssl rand -hex 32)"',
  ].join('\n')
