import { API_PORT, commonVariables, type DeployPlan, GRACE, STATE } from './plan.ts'

type Json = { readonly [name: string]: unknown }

/** `node` in the official images. */
const USER = 1000

/**
 * A headless Service and a StatefulSet: each pod is one process for good, with a volume of its own.
 *
 * A pod learns its process id from the label `apps.kubernetes.io/pod-index`, which Kubernetes sets from
 * 1.28 on.
 */
export const statefulSet = (plan: DeployPlan): readonly Json[] => [
  service(plan),
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata(plan),
    spec: {
      serviceName: plan.name,
      replicas: plan.replicas,
      // The processes form one cluster: none is ready before all are there.
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: selector(plan) },
      template: {
        metadata: { labels: labels(plan) },
        spec: podSpec(plan, { restartPolicy: 'Always', index: INDEX_LABEL, volumes: [] }),
      },
      ...(plan.recovery === null ? {} : { volumeClaimTemplates: [claim(plan.recovery)] }),
    },
  },
]

/**
 * A headless Service and an indexed Job, for a flow that comes to its end: a pod whose process ends
 * well is done.
 *
 * State lies in a volume that lives as long as the pod, so a process that dies is started again with it;
 * a pod that is lost as a whole begins anew.
 */
export const indexedJob = (plan: DeployPlan): readonly Json[] => [
  service(plan),
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadata(plan),
    spec: {
      completionMode: 'Indexed',
      completions: plan.replicas,
      parallelism: plan.replicas,
      backoffLimit: 6 * plan.replicas,
      template: {
        metadata: { labels: labels(plan) },
        spec: podSpec(plan, {
          restartPolicy: 'OnFailure',
          index: INDEX_ANNOTATION,
          volumes: plan.recovery === null ? [] : [ephemeral(plan.recovery)],
        }),
      },
    },
  },
]

const INDEX_LABEL = "metadata.labels['apps.kubernetes.io/pod-index']"
const INDEX_ANNOTATION = "metadata.annotations['batch.kubernetes.io/job-completion-index']"

const selector = ({ name }: DeployPlan): Json => ({ 'app.kubernetes.io/name': name })

const labels = (plan: DeployPlan): Json => ({
  ...selector(plan),
  'app.kubernetes.io/component': 'flow',
  'app.kubernetes.io/managed-by': 'tidemark-deploy',
})

const metadata = (plan: DeployPlan): Json => ({
  name: plan.name,
  labels: labels(plan),
  annotations: { 'tidemark/flow': plan.flowId },
})

/** A name for each pod, so that its API can be asked; also while it is not ready. */
const service = (plan: DeployPlan): Json => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata(plan),
  spec: {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: selector(plan),
    ports: [{ name: 'api', port: API_PORT, targetPort: 'api' }],
  },
})

const podSpec = (
  plan: DeployPlan,
  kind: {
    readonly restartPolicy: string
    readonly index: string
    readonly volumes: readonly Json[]
  },
): Json => ({
  restartPolicy: kind.restartPolicy,
  terminationGracePeriodSeconds: GRACE,
  automountServiceAccountToken: false,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: USER,
    runAsGroup: USER,
    fsGroup: USER,
    seccompProfile: { type: 'RuntimeDefault' },
  },
  containers: [container(plan, kind.index)],
  volumes: [{ name: 'tmp', emptyDir: {} }, ...kind.volumes],
})

const container = (plan: DeployPlan, index: string): Json => ({
  name: 'flow',
  image: plan.image,
  args: ['run', plan.module],
  env: variables(plan, index),
  // NATS_USER and NATS_PASSWORD, NATS_TOKEN or NATS_NKEY_SEED, where the servers ask for them.
  ...(plan.replicas === 1
    ? {}
    : { envFrom: [{ secretRef: { name: `${plan.name}-nats`, optional: true } }] }),
  ports: [{ name: 'api', containerPort: API_PORT }],
  startupProbe: { ...probe('/healthz'), periodSeconds: 2, failureThreshold: 60 },
  livenessProbe: { ...probe('/healthz'), periodSeconds: 10, failureThreshold: 6 },
  readinessProbe: { ...probe('/readyz'), periodSeconds: 5, failureThreshold: 2 },
  resources: {
    requests: { cpu: plan.cpu, memory: plan.memory },
    limits: { memory: plan.memory },
  },
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
  volumeMounts: [
    { name: 'tmp', mountPath: '/tmp' },
    ...(plan.recovery === null ? [] : [{ name: 'state', mountPath: STATE }]),
  ],
})

const probe = (path: string): Json => ({ httpGet: { path, port: 'api' }, timeoutSeconds: 6 })

const variables = (plan: DeployPlan, fieldPath: string): readonly Json[] => [
  ...commonVariables(plan).map(([name, value]) => ({ name, value })),
  ...(plan.replicas === 1
    ? []
    : [{ name: 'TIDEMARK_PROCESS_ID', valueFrom: { fieldRef: { fieldPath } } }]),
  {
    name: 'TIDEMARK_API_TOKEN',
    valueFrom: { secretKeyRef: { name: `${plan.name}-api`, key: 'token' } },
  },
]

type Room = NonNullable<DeployPlan['recovery']>

const claimSpec = ({ storage, storageClass }: Room): Json => ({
  accessModes: ['ReadWriteOnce'],
  ...(storageClass === null ? {} : { storageClassName: storageClass }),
  resources: { requests: { storage } },
})

const claim = (room: Room): Json => ({ metadata: { name: 'state' }, spec: claimSpec(room) })

const ephemeral = (room: Room): Json => ({
  name: 'state',
  ephemeral: { volumeClaimTemplate: { spec: claimSpec(room) } },
})
