import type { ClusterError } from '../lib/errors/errors.ts'
import type { Runtime } from '../lib/runtime/runtime.ts'
import { Link } from './link.ts'
import type { Transport } from './transport.ts'

/** Most bytes under way on all links of one connection; a server cuts off who lags by 64 MiB. */
const MOST_UNDER_WAY = 8 * 1024 * 1024
const LARGEST_WINDOW = 4 * 1024 * 1024
const SMALLEST_WINDOW = 64 * 1024

/** What all ends of an execution's links have in common. */
export interface LinkFacts {
  readonly flowId: string
  readonly execution: number
  /** 16 random bytes. */
  readonly token: Uint8Array
}

export interface LinkWires {
  /** By the number of the other end. */
  readonly links: ReadonlyMap<number, Link>
  close(): void
}

/**
 * The links from one end to several others.
 *
 * @param ends.prefix - goes before the numbers in the subjects, so that links of other kinds are apart
 */
export const linkWires = (
  transport: Transport,
  facts: LinkFacts,
  ends: {
    readonly prefix: string
    readonly own: number
    readonly others: readonly number[]
    readonly runtime: Runtime
    readonly silence: number
    readonly lost: (other: number, error: ClusterError) => void
    readonly echoed?: () => void
  },
): LinkWires => {
  const { own, others, runtime, silence, prefix } = ends
  const share = MOST_UNDER_WAY / Math.max(1, others.length)
  const window = Math.max(SMALLEST_WINDOW, Math.min(LARGEST_WINDOW, share))
  const links = new Map<number, Link>()
  for (const other of others) {
    const link = new Link({
      transport,
      runtime,
      identity: { execution: facts.execution, token: facts.token, from: own, to: other },
      subjects: {
        out: linkSubject(facts, `${prefix}${own}`, `${prefix}${other}`),
        in: linkSubject(facts, `${prefix}${other}`, `${prefix}${own}`),
      },
      window,
      silence,
      lost: (error) => ends.lost(other, error),
      ...(ends.echoed === undefined ? {} : { echoed: ends.echoed }),
    })
    links.set(other, link)
  }
  return {
    links,
    close: () => {
      for (const link of links.values()) link.close()
    },
  }
}

const linkSubject = ({ flowId, execution }: LinkFacts, from: string, to: string): string =>
  `tidemark.${flowId}.${execution}.${from}.${to}`
