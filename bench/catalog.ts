import type { Workload } from './workload.ts'

/** Nexmark's queries, in the order of their numbers. */
export const NEXMARK: readonly string[] = [
  ...[0, 1, 2, 3, 4, 5, 7, 8, 9],
  ...[11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22],
].map((number) => `NX-q${number}`)

const nexmark = (id: string): (() => Promise<{ readonly workload: Workload }>) => {
  return async () => ({ workload: (await import('./workloads/nexmark.ts')).nexmarkWorkload(id) })
}

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
  W7a: async () => ({ workload: (await import('./workloads/exchange.ts')).threads }),
  W7c: async () => ({ workload: (await import('./workloads/exchange.ts')).processes }),
  W7d: async () => ({ workload: (await import('./workloads/exchange.ts')).items }),
  W8: () => import('./workloads/w8-snapshots.ts'),
  W8s: () => import('./workloads/w8s-store-size.ts'),
  W9: () => import('./workloads/w9-recovery.ts'),
  W10: async () => ({ workload: (await import('./workloads/exchange.ts')).latency }),
  W11: () => import('./workloads/w11-memory.ts'),
  W13: async () => ({ workload: (await import('./workloads/exchange.ts')).scale }),
  W14: () => import('./workloads/w14-start.ts'),
  W15: () => import('./workloads/w15-recording.ts'),
  W16: () => import('./workloads/w16-siege.ts'),
  ...Object.fromEntries(NEXMARK.map((id) => [id, nexmark(id)])),
}

export const loadWorkload = async (id: string): Promise<Workload> => {
  const load = Object.hasOwn(catalog, id) ? catalog[id] : undefined
  if (load === undefined) {
    throw new RangeError(`No workload "${id}"; there are ${Object.keys(catalog).join(', ')}.`)
  }
  return (await load()).workload
}
