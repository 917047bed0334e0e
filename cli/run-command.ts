import { BuildError } from '../lib/errors/errors.ts'
import { checkFlow } from '../lib/flow/check.ts'
import type { Dataflow } from '../lib/flow/dataflow.ts'
import type { ArchivePlace } from '../lib/recovery/archive.ts'
import { adoptRuns } from '../lib/run/adoption.ts'
import type { Execution, Summary } from '../lib/run/execution.ts'
import type { RunOptions } from '../lib/run/options.ts'
import { start } from '../lib/run/run.ts'
import type { Tracing } from '../lib/worker/tracer.ts'
import { DONE, FAILED, INTERRUPTED, type World } from './exit.ts'
import { type FoundFlow, findFlow } from './find-flow.ts'
import { type GivenFlags, type RunFlags, readFlags } from './flags.ts'
import { onInterrupt } from './interrupts.ts'
import { moduleUrl } from './load-module.ts'
import { type ModuleSpec, parseModuleSpec } from './module-spec.ts'
import { type OpenApi, openApi } from './open-api.ts'
import { Progress } from './progress.ts'
import { UsageError } from './usage-error.ts'

/** Milliseconds between two looks at a running flow. */
const LOOK = 100

/**
 * Runs the flow that `target` names to its end, and gives the exit code.
 *
 * @throws UsageError where there is no such flow, or a flag is wrong
 */
export const runCommand = async (
  target: string,
  given: GivenFlags,
  world: World,
): Promise<number> => {
  const { terminal, variables, directory } = world
  const flags = readFlags(given, variables)
  terminal.level = flags.logLevel
  terminal.format = flags.logFormat
  const spec = parseModuleSpec(target)
  const began = performance.now()
  let tracing: Tracing | null = null
  try {
    const found = await findFlow(spec, directory)
    terminal.debug(`loaded ${spec.module} in ${Math.round(performance.now() - began)} ms`)
    const base = await optionsOf(found, flags, world)
    if (flags.processes > 1)
      return await superviseAll({ found, flags, options: base, target, given, world })
    tracing = await tracingOf(found, flags)
    const options = tracing === null ? base : { ...base, tracing }
    const execution = await begin({ found, flags, spec, options, world }, directory)
    const api = openApi(execution, { flow: found.flow, flags, terminal })
    return await watch(execution, { flowId: found.flow.id, options, world, api })
  } finally {
    adoptRuns(null)
    await tracing?.shutdown()
  }
}

/** What sends spans is loaded where it is asked for. */
const tracingOf = async ({ flow }: FoundFlow, { trace }: RunFlags): Promise<Tracing | null> => {
  if (trace === null) return null
  const { setupTracing } = await import('../ops/tracing/tracing.ts')
  return setupTracing({ serviceName: flow.id, ...trace })
}

/** Flags go before what the module would have run its flow with. */
const optionsOf = async (
  found: FoundFlow,
  flags: RunFlags,
  { terminal, variables }: World,
): Promise<RunOptions> => {
  const { recoveryDirectory: dir, backupInterval, snapshotInterval } = flags
  const archive = await archiveOf(flags, variables)
  if (dir === null && backupInterval !== null) {
    terminal.warn('--backup-interval changes nothing without --recovery-directory.')
  }
  const meets = flags.place !== null || flags.processes > 1
  if (flags.nats !== null && !meets && flags.archive?.startsWith('nats:') !== true) {
    terminal.warn('--nats changes nothing without --processes or --process-id.')
  }
  if (flags.takeOverAfter !== null && !(meets && dir !== null)) {
    terminal.warn(
      '--take-over-after changes nothing without several processes (-p or -i) that keep snapshots (-r).',
    )
  }
  return {
    logger: terminal.logger,
    ...found.options,
    ...(flags.workers === null ? {} : { workers: flags.workers }),
    ...(snapshotInterval === null ? {} : { epochInterval: snapshotInterval }),
    ...(dir === null
      ? {}
      : {
          recovery: {
            dir,
            backupInterval: backupInterval ?? 0,
            allowRewind: flags.allowRewind,
            ...archive,
          },
        }),
  }
}

const archiveOf = async (
  flags: RunFlags,
  variables: World['variables'],
): Promise<{ readonly archive?: ArchivePlace }> => {
  const { archive: text, archiveRequired: required, recoveryDirectory: dir } = flags
  if (text === null) {
    if (required)
      throw new UsageError('--archive-required needs the archive: --archive dir:<path>.')
    return {}
  }
  if (dir === null) {
    throw new UsageError('--archive needs a recovery directory, which it is the copy of: -r <dir>.')
  }
  const { archivePlace } = await import('./archive-place.ts')
  return {
    archive: { ...(await archivePlace(text, { servers: flags.nats, variables })), required },
  }
}

/** What one process needs is not loaded for several, nor the other way round. */
const superviseAll = async (asked: {
  readonly found: FoundFlow
  readonly flags: RunFlags
  readonly options: RunOptions
  readonly target: string
  readonly given: GivenFlags
  readonly world: World
}): Promise<number> => {
  const { found, flags, options, target, given, world } = asked
  check(found, options)
  const { supervise } = await import('./supervise.ts')
  const { processes, nats: servers } = flags
  const durable = options.recovery !== undefined
  return supervise({ target, given, processes, servers, durable, world })
}

const check = ({ flow }: FoundFlow, { onError = 'stop' }: RunOptions): void => {
  try {
    checkFlow(flow, onError)
  } catch (cause) {
    if (cause instanceof BuildError) throw new UsageError(cause.message, { cause })
    throw cause
  }
}

const begin = async (
  asked: {
    found: FoundFlow
    flags: RunFlags
    spec: ModuleSpec
    options: RunOptions
    world: World
  },
  directory: string,
): Promise<Execution> => {
  const { found, flags, spec, options, world } = asked
  const { place, nats, workers, takeOverAfter } = flags
  try {
    const alone = workers === null || workers === 1
    if (place === null && alone) return start(found.flow, options)
    const module = moduleUrl(spec.module, directory)
    const flow = { module, export: found.name, args: spec.args ?? [] }
    if (place === null || nats === null) return start(flow, options)
    const { startInCluster } = await import('./cluster-run.ts')
    const at = { ...place, servers: nats, takeOverAfter }
    return await startInCluster(flow, options, { place: at, world })
  } catch (cause) {
    if (cause instanceof BuildError) throw new UsageError(cause.message, { cause })
    throw cause
  }
}

const watch = async (
  execution: Execution,
  {
    flowId,
    options,
    world,
    api,
  }: { flowId: string; options: RunOptions; world: World; api: OpenApi },
): Promise<number> => {
  const { terminal } = world
  const durable = options.recovery !== undefined
  const progress = new Progress(flowId, { now: performance.now(), durable })
  const look = (): void => terminal.draw(progress.line(execution.metrics(), performance.now()))
  const looking = terminal.interactive ? setInterval(look, LOOK) : null
  let interrupted = false
  const deaf = onInterrupt({
    stop: () => {
      interrupted = true
      terminal.say('stopping: the epoch is being closed. Interrupt again to leave at once.')
      execution.stop().catch(() => {})
    },
    leave: () => world.leave(INTERRUPTED),
  })
  try {
    const summary = await execution.done
    if (terminal.interactive) terminal.say(progress.summary(summary, performance.now()))
    return exitCode(summary, interrupted)
  } catch (error) {
    terminal.fail(error)
    if (durable && execution.workers > 0)
      terminal.say('Run it again to go on from the last committed epoch.')
    return FAILED
  } finally {
    if (looking !== null) clearInterval(looking)
    deaf()
    await api.close()
  }
}

/** A flow that had come to its end before the interrupt reached it is done all the same. */
const exitCode = ({ reason }: Summary, interrupted: boolean): number =>
  interrupted && reason === 'stopped' ? INTERRUPTED : DONE
