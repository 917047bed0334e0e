import type { Dataflow } from '../../lib/flow/dataflow.ts'
import type { Step } from '../../lib/flow/step.ts'
import { inputNames, outputNames } from './port-names.ts'

/** Where streams enter or leave a node. */
export interface GraphPort {
  readonly name: string
  /** The node's id and the name: `orders.total.down`. */
  readonly id: string
  /**
   * The ports that its items come from, in order. A port of a composite stands between the two
   * levels: an inner `up` comes from the outer one, an outer `down` from the inner one. What leaves a
   * step itself comes from nowhere.
   */
  readonly from: readonly string[]
}

/** A step, or a composite operator with the steps inside it. */
export interface GraphNode {
  readonly id: string
  /** The id without the scopes around it. */
  readonly name: string
  readonly operator: string
  /** The id of the step in metrics, queries and snapshots; `null` for a composite. */
  readonly step: string | null
  readonly inputs: readonly GraphPort[]
  readonly outputs: readonly GraphPort[]
  readonly steps: readonly GraphNode[]
}

/** A flow as data, for drawings and for other programs. */
export interface FlowGraph {
  readonly flow: string
  readonly steps: readonly GraphNode[]
}

/** What a composite is called that has no step of its own name. */
const COMPOSITE = 'scoped'

interface PortDraft {
  readonly name: string
  readonly id: string
  readonly from: string[]
}

interface NodeDraft extends GraphNode {
  readonly inputs: PortDraft[]
  readonly outputs: PortDraft[]
  readonly steps: NodeDraft[]
}

/** The graph of a flow's steps, with the scopes of composite operators as nodes around them. */
export const graphOf = (flow: Dataflow): FlowGraph => new Draftsman(flow.steps).draw(flow.id)

class Draftsman {
  readonly #steps: readonly Step[]
  readonly #scopeIds: ReadonlySet<string>
  readonly #top: NodeDraft[] = []
  readonly #scopes = new Map<string, NodeDraft>()
  readonly #nodes = new Map<Step, NodeDraft>()
  /** The port of a composite for what it stands for, by the composite and the inner port. */
  readonly #passages = new Map<string, PortDraft>()

  constructor(steps: readonly Step[]) {
    this.#steps = steps
    this.#scopeIds = new Set(steps.flatMap(({ id }) => prefixesOf(id)))
  }

  draw(flow: string): FlowGraph {
    for (const step of this.#steps) this.#place(step)
    for (const step of this.#steps) this.#connect(step)
    return { flow, steps: this.#top }
  }

  #place(step: Step): void {
    const scopes = this.#scopesOf(step)
    const name = nameOf(step.id)
    // The step that has its composite's own name lies inside it.
    const inside = this.#scopeIds.has(step.id)
    const id = inside ? `${step.id}.${name}` : step.id
    const outputs = outputNames(step).map((port) => portOf(id, port))
    const node = {
      id,
      name,
      operator: step.operator,
      step: step.id,
      inputs: [],
      outputs,
      steps: [],
    }
    this.#nodes.set(step, node)
    this.#siblings(scopes).push(node)
    for (const port of new Set(inputNames(step)))
      (node.inputs as PortDraft[]).push(portOf(id, port))
  }

  #scopesOf({ id }: Step): readonly string[] {
    return this.#scopeIds.has(id) ? [...prefixesOf(id), id] : prefixesOf(id)
  }

  /** The nodes within the innermost of the scopes, which are made where they are missing. */
  #siblings(scopes: readonly string[]): NodeDraft[] {
    let siblings = this.#top
    for (const id of scopes) {
      let scope = this.#scopes.get(id)
      if (scope === undefined) {
        const own = this.#steps.find((step) => step.id === id)
        const operator = own?.operator ?? COMPOSITE
        scope = { id, name: nameOf(id), operator, step: null, inputs: [], outputs: [], steps: [] }
        this.#scopes.set(id, scope)
        siblings.push(scope)
      }
      siblings = scope.steps
    }
    return siblings
  }

  #connect(step: Step): void {
    const node = this.#nodes.get(step) as NodeDraft
    const names = inputNames(step)
    step.ups.forEach((up, at) => {
      const from = this.#nodes.get(up.step) as NodeDraft
      const port = node.inputs.find(({ name }) => name === names[at]) as PortDraft
      const source = from.outputs[up.port] as PortDraft
      const outer = this.#scopesOf(up.step)
      const inner = this.#scopesOf(step)
      let shared = 0
      while (shared < outer.length && outer[shared] === inner[shared]) shared += 1
      const left = this.#leave(source, outer.slice(shared))
      const entered = this.#enter(left, port, inner.slice(shared))
      if (entered === left || !port.from.includes(entered)) port.from.push(entered)
    })
  }

  /** Up through the composites around where it comes from. */
  #leave(source: PortDraft, scopes: readonly string[]): string {
    let current = source.id
    for (const id of [...scopes].reverse()) {
      const passage = this.#passage(id, 'outputs', source)
      if (!passage.from.includes(current)) passage.from.push(current)
      current = passage.id
    }
    return current
  }

  /** Down through the composites around where it goes to. */
  #enter(from: string, port: PortDraft, scopes: readonly string[]): string {
    let current = from
    for (const id of scopes) {
      const passage = this.#passage(id, 'inputs', port)
      if (!passage.from.includes(current)) passage.from.push(current)
      current = passage.id
    }
    return current
  }

  #passage(scopeId: string, side: 'inputs' | 'outputs', stands: PortDraft): PortDraft {
    const place = `${scopeId}\u0000${side}\u0000${stands.id}`
    let port = this.#passages.get(place)
    if (port === undefined) {
      const ports = (this.#scopes.get(scopeId) as NodeDraft)[side]
      const taken = ports.filter(({ name }) => name.replace(/\d+$/, '') === stands.name).length
      port = portOf(scopeId, taken === 0 ? stands.name : `${stands.name}${taken + 1}`)
      ports.push(port)
      this.#passages.set(place, port)
    }
    return port
  }
}

const portOf = (nodeId: string, name: string): PortDraft => ({
  name,
  id: `${nodeId}.${name}`,
  from: [],
})

const nameOf = (id: string): string => id.slice(id.lastIndexOf('.') + 1)

/** `a` and `a.b` for `a.b.c`. */
const prefixesOf = (id: string): readonly string[] => {
  const names = id.split('.')
  return names.slice(1).map((_, at) => names.slice(0, at + 1).join('.'))
}
