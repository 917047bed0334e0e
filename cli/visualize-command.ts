import type { Dataflow } from '../lib/flow/dataflow.ts'
import { adoptRuns } from '../lib/run/adoption.ts'
import { toJson } from '../ops/visualize/json.ts'
import { toMermaid } from '../ops/visualize/mermaid.ts'
import { toPlantUml } from '../ops/visualize/plant-uml.ts'
import { toSvg } from '../ops/visualize/svg.ts'
import { DONE, type World } from './exit.ts'
import { findFlow } from './find-flow.ts'
import { parseModuleSpec } from './module-spec.ts'
import { UsageError } from './usage-error.ts'

type Drawing = (flow: Dataflow, options: { readonly recursive: boolean }) => string

const FORMATS: ReadonlyMap<string, Drawing> = new Map<string, Drawing>([
  ['mermaid', toMermaid],
  ['plantuml', toPlantUml],
  ['json', toJson],
  ['svg', toSvg],
])

/**
 * Prints the graph of the flow that `target` names; nothing of it is run.
 *
 * @throws UsageError where there is no such flow, or no such format
 */
export const visualizeCommand = async (
  target: string,
  given: { readonly output: string; readonly recursive?: boolean },
  { print, directory }: World,
): Promise<number> => {
  const drawing = FORMATS.get(given.output)
  if (drawing === undefined) {
    throw new UsageError(`--output takes ${[...FORMATS.keys()].join(', ')}; got "${given.output}".`)
  }
  if (given.output === 'json' && given.recursive === true) {
    throw new UsageError('--recursive goes with a drawing; json always holds all there is.')
  }
  try {
    const { flow } = await findFlow(parseModuleSpec(target), directory)
    print(drawing(flow, { recursive: given.recursive === true }))
    return DONE
  } finally {
    adoptRuns(null)
  }
}
