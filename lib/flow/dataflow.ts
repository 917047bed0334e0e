import { BuildError } from '../errors/errors.ts'
import type { ErrorPolicy } from './policy.ts'
import { DynamicSource, FixedPartitionedSource, type Source } from './source.ts'
import type { Origin, Step, StepSpec } from './step.ts'
import { originOf, Stream } from './stream.ts'

/** What a step needs to be placed in a flow. */
export interface Placement {
  readonly id: string
  readonly operator: string
  readonly spec: StepSpec
  readonly ups: readonly Origin[]
}

/**
 * The graph of a flow's steps; building it does no I/O, and it can be run many times.
 *
 * @example
 * ```ts
 * const flow = dataflow('orders')
 * flow.input('in', fromIterable([1, 2, 3])).pipe(map('double', (n) => n * 2)).output('out', sink)
 * ```
 */
export class Dataflow {
  readonly id: string
  readonly #steps: Step[] = []
  readonly #ids = new Set<string>()
  readonly #scopes: string[] = []
  readonly #policies: ErrorPolicy[] = []

  constructor(id: string) {
    if (typeof id !== 'string' || !/^[A-Za-z0-9_-]+$/.test(id)) {
      throw new BuildError(
        `A flow's id is made of letters, digits, "_" and "-", since it becomes part of file and subject names; got ${show(id)}.`,
      )
    }
    this.id = id
  }

  /**
   * A flow of steps that are there already, upstream before downstream: another flow's, rewired.
   *
   * @internal
   */
  static of(id: string, steps: readonly Step[]): Dataflow {
    const flow = new Dataflow(id)
    flow.#steps.push(...steps)
    return flow
  }

  get steps(): readonly Step[] {
    return this.#steps
  }

  /**
   * Reads a source.
   *
   * @param stepId - the step's id, unique in its scope
   * @param source - where the items come from; nothing is opened before the flow runs
   */
  input<T>(stepId: string, source: Source<T>): Stream<T> {
    if (!(source instanceof FixedPartitionedSource) && !(source instanceof DynamicSource)) {
      throw new BuildError(
        `Step "${show(stepId)}" needs a source: an object whose class extends FixedPartitionedSource or DynamicSource; got ${show(source)}.`,
      )
    }
    const step = this.place({
      id: stepId,
      operator: 'input',
      spec: { kind: 'source', source },
      ups: [],
    })
    return new Stream<T>(this, { step, port: 0, keyed: false })
  }

  /** Places a step; used by operators. */
  place(placement: Placement): Step {
    const step: Step = {
      id: this.#claim(placement.id),
      operator: placement.operator,
      spec: placement.spec,
      ups: placement.ups,
      policy: this.#policies.at(-1),
      index: this.#steps.length,
    }
    this.#steps.push(step)
    return step
  }

  /** Places the steps that `build` makes under the ids `name.id`. */
  within<R>(name: string, build: () => R): R {
    return this.#scoped(this.#claim(name), build)
  }

  /** As `within`, where one of the composite operator's own steps is to have the id `name`. */
  inside<R>(name: string, build: () => R): R {
    return this.#scoped(this.#idOf(name), build)
  }

  #scoped<R>(id: string, build: () => R): R {
    this.#scopes.push(id)
    try {
      return build()
    } finally {
      this.#scopes.pop()
    }
  }

  /** Gives the steps that `build` makes an error policy of their own. */
  under<R>(policy: ErrorPolicy, build: () => R): R {
    this.#policies.push(policy)
    try {
      return build()
    } finally {
      this.#policies.pop()
    }
  }

  #claim(name: string): string {
    const id = this.#idOf(name)
    if (this.#ids.has(id)) {
      throw new BuildError(
        `Step "${id}" already exists in flow "${this.id}"; give each step of a scope an id of its own.`,
      )
    }
    this.#ids.add(id)
    return id
  }

  #idOf(name: string): string {
    if (typeof name !== 'string' || name === '') {
      throw new BuildError(`A step's id is a string of at least one character; got ${show(name)}.`)
    }
    if (name.includes('.')) {
      throw new BuildError(
        `Step id "${name}" can't contain any periods: they separate the scopes of composite operators.`,
      )
    }
    const scope = this.#scopes.at(-1)
    return scope === undefined ? name : `${scope}.${name}`
  }
}

/** Starts a flow. */
export const dataflow = (id: string): Dataflow => new Dataflow(id)

/** The stream's place in the graph, or a `BuildError` where an untyped caller gave something else. */
export const upstream = (stepId: string, up: unknown): { flow: Dataflow; origin: Origin } => {
  if (!(up instanceof Stream)) {
    throw new BuildError(
      `Step "${show(stepId)}" needs a Stream from upstream; got ${show(up)}. Did you forget to unpack the result of an operator that returns several streams?`,
    )
  }
  return originOf(up)
}

const show = (value: unknown): string => {
  if (typeof value === 'string') return value
  if (typeof value === 'object' && value !== null)
    return `a ${value.constructor?.name ?? 'bare object'}`
  return String(value)
}
