import { API_PORT, commonVariables, type DeployPlan, GRACE, STATE } from './plan.ts'

type Json = { readonly [name: string]: unknown }

/** The name of the NATS server that comes along where no other is named. */
const OWN_NATS = 'nats'
export const OWN_NATS_URL: string = `nats://${OWN_NATS}:4222`

/**
 * A service for each process, each with a volume of its own; and a NATS server where there are several
 * processes and no other server was named.
 */
export const composeFile = (plan: DeployPlan): Json => {
  const numbers = Array.from({ length: plan.replicas }, (_, at) => at)
  const brings = plan.replicas > 1 && plan.nats === OWN_NATS_URL
  const volumes = plan.recovery === null ? [] : numbers.map((number) => volumeOf(number))
  return {
    services: {
      ...(brings ? { [OWN_NATS]: natsServer } : {}),
      ...Object.fromEntries(
        numbers.map((number) => [`flow-${number}`, service(plan, { number, brings })]),
      ),
    },
    ...(volumes.length + Number(brings) === 0
      ? {}
      : {
          volumes: Object.fromEntries(
            [...volumes, ...(brings ? [OWN_NATS] : [])].map((name) => [name, {}]),
          ),
        }),
  }
}

const volumeOf = (number: number): string => `state-${number}`

/** JetStream keeps the lease of the leader. */
const natsServer: Json = {
  image: 'nats:2-alpine',
  command: ['--jetstream', '--store_dir', '/data', '--http_port', '8222'],
  restart: 'unless-stopped',
  volumes: [`${OWN_NATS}:/data`],
  healthcheck: {
    test: ['CMD', 'wget', '-qO-', 'http://127.0.0.1:8222/healthz'],
    interval: '2s',
    timeout: '2s',
    retries: 30,
  },
}

const HEALTHY = `fetch('http://127.0.0.1:${API_PORT}/healthz').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))`

const service = (
  plan: DeployPlan,
  { number, brings }: { readonly number: number; readonly brings: boolean },
): Json => ({
  image: plan.image,
  build: '.',
  command: ['run', plan.module],
  environment: {
    ...Object.fromEntries(commonVariables(plan)),
    ...(plan.replicas === 1 ? {} : { TIDEMARK_PROCESS_ID: String(number) }),
    // Compose says this and stops where the variable is not set.
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose puts the value in.
    TIDEMARK_API_TOKEN: '${TIDEMARK_API_TOKEN:?set it to 16 or more letters and digits}',
  },
  restart: 'on-failure',
  init: true,
  stop_grace_period: `${GRACE}s`,
  read_only: true,
  tmpfs: ['/tmp'],
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
  mem_limit: plan.memory.replace(/i$/, '').toLowerCase(),
  ports: [`127.0.0.1:${API_PORT + number}:${API_PORT}`],
  healthcheck: {
    test: ['CMD', 'node', '-e', HEALTHY],
    interval: '10s',
    timeout: '6s',
    retries: 6,
    start_period: '60s',
  },
  ...(brings ? { depends_on: { [OWN_NATS]: { condition: 'service_healthy' } } } : {}),
  ...(plan.recovery === null ? {} : { volumes: [`${volumeOf(number)}:${STATE}`] }),
})
