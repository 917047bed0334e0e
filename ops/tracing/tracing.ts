import { BuildError } from '../../lib/errors/errors.ts'
import type { Tracing } from '../../lib/worker/tracer.ts'

/** Where spans go, and how many of them. */
export interface TracingOptions {
  /**
   * What the spans say they come from, as `service.name`.
   * @defaultValue `'tidemark'`
   */
  readonly serviceName?: string
  /**
   * Where a collector takes OTLP over HTTP: a URL, with its path.
   * @defaultValue `'http://127.0.0.1:4318/v1/traces'`
   */
  readonly endpoint?: string
  /**
   * Of how many epochs spans are sent: from 0, none, to 1, all.
   * @defaultValue 1
   */
  readonly samplingRatio?: number
  /** Sent with each request, as a collector may want for a token. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Options with nothing left to decide. */
export interface TracingSettings {
  readonly serviceName: string
  readonly endpoint: string
  readonly samplingRatio: number
  readonly headers: Readonly<Record<string, string>>
}

/** The packages that have to be there; none comes with this one. */
const PACKAGES =
  '@opentelemetry/api @opentelemetry/sdk-trace-base @opentelemetry/resources @opentelemetry/exporter-trace-otlp-http'

/**
 * Sends spans of runs to a collector, over OTLP and HTTP: of the run and its resume, of epochs, and
 * within these of batches, polls of sources, writes of sinks and snapshots. Progress and state are
 * not touched; while the collector is away spans wait, up to a limit, and are then dropped.
 *
 * OpenTelemetry is loaded by this call: a program that does not trace needs none of its packages.
 *
 * @returns what runs are given as `tracing`; `shutdown()` sends what waits
 * @throws BuildError for options that can't be, or where a package of OpenTelemetry is missing
 *
 * @example
 * ```ts
 * const tracing = await setupTracing({ serviceName: 'orders', samplingRatio: 0.1 })
 * await run(flow, { tracing })
 * await tracing.shutdown()
 * ```
 */
export const setupTracing = async (options: TracingOptions = {}): Promise<Tracing> => {
  const settings = settingsOf(options)
  const { openOtlp } = await loadOtlp()
  return openOtlp(settings, {
    module: import.meta.url,
    export: 'setupTracing',
    args: [settings],
  })
}

const loadOtlp = async (): Promise<typeof import('./otlp.ts')> => {
  try {
    return await import('./otlp.ts')
  } catch (cause) {
    const missing =
      cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND'
    if (!missing) throw cause
    throw new BuildError(`Tracing needs packages that are not there: npm install ${PACKAGES}`, {
      cause,
    })
  }
}

const settingsOf = ({
  serviceName = 'tidemark',
  endpoint = 'http://127.0.0.1:4318/v1/traces',
  samplingRatio = 1,
  headers = {},
}: TracingOptions): TracingSettings => {
  if (!(samplingRatio >= 0 && samplingRatio <= 1)) {
    throw new BuildError(`samplingRatio must be a number from 0 to 1; got ${samplingRatio}.`)
  }
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new BuildError(
      `endpoint must be the URL of a collector, as http://127.0.0.1:4318/v1/traces; got "${endpoint}".`,
    )
  }
  // A collector's address alone means its usual path, as in the variables of OpenTelemetry.
  if (url.pathname === '/') url.pathname = '/v1/traces'
  return { serviceName, endpoint: url.href, samplingRatio, headers: { ...headers } }
}
