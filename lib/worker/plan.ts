import type { Dataflow } from '../flow/dataflow.ts'
import type { ErrorPolicy } from '../flow/policy.ts'
import { DynamicSink, FixedPartitionedSink } from '../flow/sink.ts'
import type { BranchSpec, Origin, SinkSpec, StatelessSpec, Step } from '../flow/step.ts'

/**
 * How the steps of a flow become actors: runs of stateless steps are fused into one, every other
 * step has its own. Every worker computes the same plan, so edges need no names.
 */

export type StatelessStep = Step & { readonly spec: StatelessSpec | BranchSpec }

/** What will be one actor on each worker. */
export type PlanNode =
  | { readonly kind: 'chain'; readonly steps: readonly [StatelessStep, ...StatelessStep[]] }
  | { readonly kind: 'step'; readonly step: Step }

/** How items get from one actor to the next. */
type Crossing = 'local' | 'key' | 'part' | 'slot' | 'any' | 'all'

export interface PlanEdge {
  /** The same number on every worker. */
  readonly id: number
  readonly from: number
  readonly port: number
  readonly to: number
  readonly input: number
  readonly crossing: Crossing
}

export interface Plan {
  readonly nodes: readonly PlanNode[]
  readonly edges: readonly PlanEdge[]
}

export const planOf = (flow: Dataflow, onError: ErrorPolicy): Plan => {
  const nodes = fuse(flow.steps, onError)
  const nodeOf = new Map<Step, number>()
  nodes.forEach((node, index) => {
    for (const step of stepsOf(node)) nodeOf.set(step, index)
  })
  const edges: PlanEdge[] = []
  nodes.forEach((node, to) => {
    headOf(node).ups.forEach((up, input) => {
      edges.push({
        id: edges.length,
        from: nodeOf.get(up.step) as number,
        port: up.port,
        to,
        input,
        crossing: crossingOf(headOf(node), up, input),
      })
    })
  })
  return { nodes, edges }
}

export const headOf = (node: PlanNode): Step => (node.kind === 'chain' ? node.steps[0] : node.step)

const stepsOf = (node: PlanNode): readonly Step[] =>
  node.kind === 'chain' ? node.steps : [node.step]

const fuse = (steps: readonly Step[], onError: ErrorPolicy): PlanNode[] => {
  const readers = new Map<Step, number>()
  for (const step of steps)
    for (const up of step.ups) readers.set(up.step, (readers.get(up.step) ?? 0) + 1)
  const chains = new Map<Step, StatelessStep[]>()
  const nodes: PlanNode[] = []
  for (const step of steps) {
    if (!fuses(step, onError)) {
      nodes.push({ kind: 'step', step })
      continue
    }
    const up = step.ups[0]?.step
    const chain = up === undefined ? undefined : chains.get(up)
    if (chain !== undefined && up?.spec.kind === 'stateless' && readers.get(up) === 1) {
      chain.push(step)
      chains.set(step, chain)
    } else {
      const begun: [StatelessStep, ...StatelessStep[]] = [step]
      chains.set(step, begun)
      nodes.push({ kind: 'chain', steps: begun })
    }
  }
  return nodes
}

/** A step that is tried again waits in between, so it has an actor that can. */
const fuses = (step: Step, onError: ErrorPolicy): step is StatelessStep => {
  if (step.spec.kind !== 'stateless' && step.spec.kind !== 'branch') return false
  const policy = step.policy ?? onError
  return !(typeof policy === 'object' && 'retry' in policy)
}

const crossingOf = (step: Step, up: Origin, input: number): Crossing => {
  switch (step.spec.kind) {
    case 'keyed': {
      const arrival = step.spec.arrivals?.[input] ?? 'owner'
      if (arrival !== 'owner') return arrival
      return isPlaced(up) ? 'local' : 'key'
    }
    case 'sink':
      return sinkCrossing(step.spec.sink)
    case 'route':
      return step.spec.to
    default:
      return 'local'
  }
}

const sinkCrossing = (sink: SinkSpec['sink']): Crossing => {
  if (sink instanceof FixedPartitionedSink) return 'part'
  return sink instanceof DynamicSink ? 'local' : 'slot'
}

/** Whether each item already is on the worker that owns its key. */
const isPlaced = ({ step, keyed }: Origin): boolean => {
  if (!keyed) return false
  switch (step.spec.kind) {
    case 'keyed':
      return true
    case 'stateless':
      return step.spec.op !== 'keyOn' && step.spec.op !== 'keyed' && step.ups.every(isPlaced)
    case 'branch':
    case 'merge':
    case 'watermarks':
      return step.ups.every(isPlaced)
    default:
      return false
  }
}
