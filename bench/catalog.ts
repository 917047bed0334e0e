import type { Workload } from './workload.ts'

/** Every workload, by id, in the order of the table; a process loads only the one it runs. */
export const catalog: Readonly<Record<string, () => Promise<{ readonly workload: Workload }>>> = {
  W1: () => import('./workloads/w1-chain.ts'),
  W1b: () => import('./workloads/w1b-rx.ts'),
  W2: () => import('./workloads/w2-wordcount.ts'),
  W3a: () => import('./workloads/w3a-keyed-fold.ts'),
  W3b: () => import('./workloads/w3b-many-keys.ts'),
  W3f: () => import('./workloads/w3f-fold-final.ts'),
  W4a: () => import('./workloads/w4a-tumbling.ts'),
  W4b: () => import('./workloads/w4b-sliding.ts'),
  W4c: () => import('./workloads/w4c-session.ts'),
  W5: () => import('./workloads/w5-interval-join.ts'),
  W8: () => import('./workloads/w8-snapshots.ts'),
  W9: () => import('./workloads/w9-recovery.ts'),
  W11: () => import('./workloads/w11-memory.ts'),
  W14: () => import('./workloads/w14-start.ts'),
}

export const loadWorkload = async (id: string): Promise<Workload> => {
  const load = Object.hasOwn(catalog, id) ? catalog[id] : undefined
  if (load === undefined) {
    throw new RangeError(`No workload "${id}"; there are ${Object.keys(catalog).join(', ')}.`)
  }
  return (await load()).workload
}
