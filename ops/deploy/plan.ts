/** What is to be deployed: plain facts, checked by whoever asked. */
export interface DeployPlan {
  /** The name of all that is made. */
  readonly name: string
  readonly flowId: string
  /** What `tidemark run` is given, as it lies in the image. */
  readonly module: string
  readonly image: string
  /** Processes, and workers in each. */
  readonly replicas: number
  readonly workers: number
  /** NATS servers, with commas between; needed where there are several processes. */
  readonly nats: string | null
  /** Whether snapshots are kept, and how much room they get. */
  readonly recovery: { readonly storage: string; readonly storageClass: string | null } | null
  /** Seconds between snapshots; the flow's own unless given. */
  readonly snapshotInterval: number | null
  readonly cpu: string
  readonly memory: string
}

/** Where the API listens in a container, and where the state lies. */
export const API_PORT = 3030
export const STATE = '/state'

/** Milliseconds are too fine for an orchestrator: seconds for the last epoch to be committed. */
export const GRACE = 60

/** What every process is told, whoever starts it. */
export const commonVariables = (plan: DeployPlan): readonly (readonly [string, string])[] => [
  ['TIDEMARK_WORKERS_PER_PROCESS', String(plan.workers)],
  ['TIDEMARK_API', `0.0.0.0:${API_PORT}`],
  ...(plan.recovery === null ? [] : [['TIDEMARK_RECOVERY_DIRECTORY', STATE] as const]),
  ...(plan.snapshotInterval === null
    ? []
    : [['TIDEMARK_SNAPSHOT_INTERVAL', String(plan.snapshotInterval)] as const]),
  ...(plan.replicas === 1
    ? []
    : [
        ['TIDEMARK_PROCESS_COUNT', String(plan.replicas)] as const,
        ['TIDEMARK_NATS_URL', plan.nats ?? ''] as const,
      ]),
]
