import { resolve } from 'node:path'
import type { Dataflow } from '../lib/flow/dataflow.ts'
import { inspectStore, removeStep, type StoreReport } from '../lib/recovery/inspect.ts'
import { RecoveryStore } from '../lib/recovery/recovery-store.ts'
import { adoptRuns } from '../lib/run/adoption.ts'
import { DONE, FAILED, type World } from './exit.ts'
import { findFlow } from './find-flow.ts'
import { parseModuleSpec } from './module-spec.ts'
import { UsageError } from './usage-error.ts'

/** Makes a recovery store of `partitions` partitions, and gives the exit code. */
export const initRecovery = async (
  dir: string,
  partitions: string,
  { print, directory }: World,
): Promise<number> => {
  if (!/^\d+$/.test(partitions)) {
    throw new UsageError(
      `The number of partitions is a whole number, as in: tidemark recovery init ${dir} 4; got "${partitions}".`,
    )
  }
  await RecoveryStore.init(resolve(directory, dir), Number(partitions))
  print(`Made a recovery store of ${partitions} partitions in ${dir}.`)
  return DONE
}

/** Prints what a recovery store holds; the exit code says whether a flow can resume from it. */
export const inspectRecovery = async (
  dir: string,
  { json, flow }: { readonly json?: boolean; readonly flow?: string },
  { print, directory }: World,
): Promise<number> => {
  const found = flow === undefined ? null : await flowOf(flow, directory)
  const steps = found?.steps.map(({ id }) => id)
  const report = await inspectStore(resolve(directory, dir), steps === undefined ? {} : { steps })
  if (found !== null && report.flowId !== null && report.flowId !== found.id) {
    throw new UsageError(
      `The store in ${dir} belongs to the flow "${report.flowId}", and --flow gives "${found.id}": name the module of that flow.`,
    )
  }
  print(json === true ? JSON.stringify(report, null, 2) : pageOf(report))
  return report.damage.length === 0 ? DONE : FAILED
}

/** Removes what a store keeps of a step, and gives the exit code. */
export const removeFromRecovery = async (
  dir: string,
  stepId: string,
  { print, directory }: World,
): Promise<number> => {
  const removed = await removeStep(resolve(directory, dir), stepId)
  print(
    removed === 0
      ? `The store in ${dir} keeps nothing of a step "${stepId}": tidemark recovery inspect ${dir} lists its steps.`
      : `Removed the state of step "${stepId}" from ${dir}.`,
  )
  return removed === 0 ? FAILED : DONE
}

/** The flow that `--flow` names; nothing of it is run. */
const flowOf = async (target: string, directory: string): Promise<Dataflow> => {
  try {
    return (await findFlow(parseModuleSpec(target), directory)).flow
  } finally {
    adoptRuns(null)
  }
}

const pageOf = (report: StoreReport): string => {
  const { directory, flowId, resumeEpoch, elsewhere, partitions, steps, damage } = report
  const last = report.executions.at(-1)
  return [
    `store       ${directory}`,
    `flow        ${flowId ?? 'none yet'}`,
    `execution   ${last === undefined ? 'none yet' : last.execution}`,
    `resumes at  ${resumeEpoch === null ? 'nowhere' : `epoch ${resumeEpoch}${others(elsewhere)}`}`,
    '',
    ...table([
      ['partition', 'frontier', 'state'],
      ...partitions.map(({ index, frontier, damage: harm }) => [
        `part-${index}`,
        frontier === null ? '-' : show(frontier),
        harm === null ? 'whole' : 'damaged',
      ]),
    ]),
    ...(steps.length === 0
      ? []
      : [
          '',
          ...table([
            ['step', 'keys', 'bytes', ''],
            ...steps.map(({ stepId, keys, bytes, orphaned }) => [
              stepId,
              String(keys),
              String(bytes),
              orphaned === true ? 'orphaned' : '',
            ]),
          ]),
        ]),
    ...(steps.some(({ orphaned }) => orphaned === true)
      ? [
          '',
          `Orphaned state belongs to no step of the flow: tidemark recovery remove ${directory} <step> removes it.`,
        ]
      : []),
    ...(damage.length === 0 ? [] : ['', ...damage.map((each) => `damage: ${each}`)]),
  ].join('\n')
}

/** One process of several has only its part of the flow's state. */
const others = (stores: readonly string[]): string =>
  stores.length === 0
    ? ''
    : ` at most; the flow also keeps state in ${stores.length === 1 ? 'store' : 'stores'} ${stores.join(', ')}`

const show = (frontier: object | number): string =>
  typeof frontier === 'number'
    ? String(frontier)
    : Object.entries(frontier)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(', ')

const table = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
