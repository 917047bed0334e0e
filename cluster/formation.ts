import type { Hello, LastExecution, PlanMember } from './control.ts'

/** What the leader knows when it thinks of forming an execution. */
export interface FormationFacts {
  /** Those heard of lately, by process; the leader itself among them. */
  readonly present: readonly Hello[]
  /** How many processes the flow has. */
  readonly count: number
  /** The last execution that any of them knows of, also from a life before. */
  readonly last: LastExecution | null
  /** Whether absent processes have been given the time to come back. */
  readonly patient: boolean
  /** Recovery stores that are known to hold nothing. */
  readonly needless?: ReadonlySet<string>
}

/** A recovery store that nobody can read who is there. */
export interface LostStore {
  readonly store: string
  /** Whose it was in the last execution. */
  readonly process: number
}

export type Formation =
  | { readonly kind: 'form'; readonly members: readonly PlanMember[] }
  | {
      readonly kind: 'wait'
      readonly why: string | null
      /** What would have to be taken over to begin without those that are not there. */
      readonly lost?: readonly LostStore[]
    }

/**
 * Decides with whom the next execution can begin.
 *
 * F1. All processes, if all are there and none is still in an older execution.
 * F2. Fewer only after the absent have had their time, and only if every recovery store of the last
 *     execution can be read by one that is there.
 * F3. None while two that keep stores apart have the same one: one of them is to give it up.
 */
export const formation = (facts: FormationFacts): Formation => {
  const { present, count, last, patient, needless } = facts
  const busy = present.filter((each) => each.busy > 0)
  if (busy.length > 0) return { kind: 'wait', why: null }
  const members = present
    .map(({ process, incarnation, workers, stores }) => ({ process, incarnation, workers, stores }))
    .sort((a, b) => a.process - b.process)
  const twice = keptTwice(present)
  if (twice !== null) return { kind: 'wait', why: twice }
  if (members.length === count) return { kind: 'form', members }
  const here = new Set(members.map(({ process }) => process))
  const absent = Array.from({ length: count }, (_, process) => process).filter(
    (at) => !here.has(at),
  )
  const who = `${absent.length === 1 ? 'process' : 'processes'} ${absent.join(', ')} of ${count}`
  if (last === null) return { kind: 'wait', why: `waiting for ${who}` }
  const readable = new Set(members.flatMap(({ stores }) => stores ?? []))
  const lost = last.members.flatMap(({ process, stores }) =>
    (stores ?? [])
      .filter((store) => !readable.has(store) && needless?.has(store) !== true)
      .map((store) => ({ store, process })),
  )
  if (lost.length > 0) {
    return {
      kind: 'wait',
      why: `waiting for ${who}: the recovery partitions kept there are needed`,
      lost,
    }
  }
  if (patient) return { kind: 'form', members }
  return {
    kind: 'wait',
    why: `waiting for ${who}; the flow goes on without ${absent.length === 1 ? 'it, if it stays' : 'them, if they stay'} away`,
  }
}

/** The newer of two; either may be unknown. */
export const newer = (
  one: LastExecution | null,
  other: LastExecution | null,
): LastExecution | null => {
  if (one === null || other === null) return one ?? other
  return other.execution > one.execution ? other : one
}

/** Whether a process has the same store as this one has, and not because both use one directory. */
export const contests = (one: Pick<Hello, 'stores'>, other: Pick<Hello, 'stores'>): boolean =>
  one.stores?.[0] !== other.stores?.[0] &&
  (one.stores ?? []).some((store) => other.stores?.includes(store) === true)

const keptTwice = (present: readonly Hello[]): string | null => {
  for (const [at, one] of present.entries()) {
    const other = present.slice(at + 1).find((each) => contests(one, each))
    if (other === undefined) continue
    const [a, b] = [one.process, other.process].sort((x, y) => x - y)
    return `waiting for process ${a} or ${b} to give up a recovery store that both of them have: one has taken it over while the other was away`
  }
  return null
}

/** The first global number of each member's workers. */
export const firstWorkers = (members: readonly PlanMember[]): readonly number[] => {
  let next = 0
  return members.map(({ workers }) => {
    const first = next
    next += workers
    return first
  })
}

/** Which part of its process's recovery store a worker opens: all workers who can read it share it. */
export const shareOfWorker = (
  members: readonly PlanMember[],
  worker: number,
): { readonly index: number; readonly of: number } => {
  const firsts = firstWorkers(members)
  const own = firsts.findLastIndex((first) => first <= worker)
  const store = members[own]?.stores?.[0]
  let of = 0
  let index = 0
  members.forEach(({ stores, workers }, at) => {
    if (stores?.[0] !== store) return
    const first = firsts[at] ?? 0
    if (worker >= first) index = of + (worker - first)
    of += workers
  })
  return { index, of }
}
