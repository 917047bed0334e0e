import type { Hello, LastExecution, Plan } from '../../cluster/control.ts'
import { Council } from '../../cluster/council.ts'
import { type LinkWires, linkWires } from '../../cluster/link-wires.ts'
import { messagingTransport, type Transport } from '../../cluster/transport.ts'
import { VirtualBroker } from '../../testing/virtual-broker.ts'
import { type VirtualProcess, VirtualRuntime } from '../../testing/virtual-runtime.ts'
import { Ledger } from './ledger.ts'
import { VirtualMessaging, VirtualRegisters } from './virtual-messaging.ts'

/** As of processes that work: see `cluster/process-execution.ts`. */
const SILENCE = 2000
const LEASE = 1500
const LINGER = 1000
/** How often a process that may act does, and what a write of it may take: milliseconds. */
const ACT = 40
const WRITE = 50
/** A process that could not begin is begun again after: milliseconds. */
const AGAIN = 500
/** How long those that start wait for one that is missing: milliseconds. */
const START_WAIT = 5000

const FLOW = 'orders'

export interface MembersOptions {
  readonly seed: number
  readonly count: number
  /** Whether all can read the same recovery store, so that fewer may go on; or each only its own. */
  readonly shared: boolean
}

/**
 * Processes that find together, work and fail as those of a cluster do: the real council, lease,
 * formation and links; in place of workers, writes to a ledger for as long as the lease allows.
 */
export class VirtualMembers {
  readonly runtime: VirtualRuntime
  readonly broker: VirtualBroker
  readonly registers: VirtualRegisters
  readonly ledger: Ledger = new Ledger()
  readonly #options: MembersOptions
  readonly #members: Member[] = []
  /** What each process knows when it begins anew, as from its recovery directory. */
  readonly #notes = new Map<number, LastExecution>()
  #lives = 0

  constructor(options: MembersOptions) {
    this.#options = options
    this.runtime = new VirtualRuntime({ seed: options.seed })
    this.broker = new VirtualBroker(this.runtime)
    this.registers = new VirtualRegisters(this.runtime)
  }

  start(): void {
    for (let at = 0; at < this.#options.count; at++) this.#begin(at)
  }

  pause(at: number, millis: number): void {
    this.#members[at]?.process.pause(millis)
  }

  cut(at: number, way: 'in' | 'out' | 'both', millis: number): void {
    const end = this.#members[at]?.messaging.end
    end?.cut(way)
    this.runtime.after(millis, () => end?.mend(way))
  }

  /** Ends a process without a word; another life of it begins later. */
  kill(at: number, millis: number): void {
    this.#members[at]?.process.kill()
    this.runtime.after(millis, () => this.#begin(at))
  }

  #begin(at: number): void {
    const { count, shared } = this.#options
    if (this.#members[at]?.process.dead === false) return
    this.#lives += 1
    const process = this.runtime.fork()
    const { runtime: world, broker, registers } = this
    const member = new Member({
      process,
      messaging: new VirtualMessaging(process, { world, broker, registers }),
      place: { process: at, count },
      incarnation: `life-${this.#lives}`,
      stores: [shared ? 'shared' : `store-${at}`],
      world,
      ledger: this.ledger,
      notes: this.#notes,
    })
    this.#members[at] = member
    // Who can't reach the server as it begins ends, and is begun again.
    member.live().catch(() => this.kill(at, AGAIN))
  }
}

interface MemberOptions {
  readonly process: VirtualProcess
  readonly messaging: VirtualMessaging
  readonly place: { readonly process: number; readonly count: number }
  readonly incarnation: string
  readonly stores: readonly string[]
  readonly world: VirtualRuntime
  readonly ledger: Ledger
  readonly notes: Map<number, LastExecution>
}

/** One life of a process. */
class Member {
  readonly process: VirtualProcess
  readonly messaging: VirtualMessaging
  readonly #options: MemberOptions
  readonly #council: Council
  #term: Term | null = null

  constructor(options: MemberOptions) {
    this.#options = options
    this.process = options.process
    this.messaging = options.messaging
    const { process, messaging, place, incarnation } = options
    this.#council = new Council({
      flowId: FLOW,
      hash: 'same',
      version: '1.0.0',
      place,
      workers: 1,
      messaging,
      incarnation,
      startWait: START_WAIT,
      estate: null,
      runtime: process,
      report: () => {},
      changed: (hello) => this.#onHello(hello),
      superseded: () => this.#term?.fail(),
      stands: (at) => this.#term?.stand(at),
    })
  }

  async live(): Promise<void> {
    const { process, messaging, stores, ledger, notes, place } = this.#options
    const transport = messagingTransport(messaging, process)
    await this.#council.join({ stores, run: null, last: notes.get(place.process) ?? null })
    for (;;) {
      const plan = await this.#council.nextPlan()
      if (plan === null) return
      ledger.takeUp(plan)
      notes.set(place.process, plan)
      const term = new Term(plan, {
        ...this.#options,
        transport,
        gone: (incarnation) => this.#council.onGone(incarnation),
      })
      this.#term = term
      await term.over
      this.#term = null
      this.#council.onFailed()
    }
  }

  #onHello(hello: Hello): void {
    const term = this.#term
    if (term === null) return
    const { members, execution } = term.plan
    const member = members.find(({ process }) => process === hello.process)
    if (member === undefined) {
      if (this.#council.wantsIn(hello)) term.fail()
    } else if (
      hello.incarnation !== member.incarnation ||
      (hello.seen >= execution && hello.busy !== execution)
    ) {
      term.fail()
    }
  }
}

/** A process's part of one execution, for as long as that lasts. */
class Term {
  readonly plan: Plan
  readonly over: Promise<void>
  readonly #options: MemberOptions
  readonly #links: LinkWires
  #until = Number.NEGATIVE_INFINITY
  #epoch: number | null = null
  #failed = false
  #end: () => void = () => {}

  constructor(
    plan: Plan,
    options: MemberOptions & {
      readonly transport: Transport
      readonly gone: (incarnation: string) => void
    },
  ) {
    this.plan = plan
    this.#options = options
    this.over = new Promise((resolve) => {
      this.#end = resolve
    })
    const { process: runtime, place, transport } = options
    const token = Uint8Array.from(Buffer.from(plan.token, 'hex'))
    const own = place.process
    const others = plan.members.map(({ process }) => process).filter((each) => each !== own)
    this.#links = linkWires(
      transport,
      { flowId: FLOW, execution: plan.execution, token },
      {
        prefix: 'p',
        own,
        others,
        runtime,
        silence: SILENCE,
        lost: (other) => {
          const member = plan.members.find(({ process }) => process === other)
          if (member !== undefined) options.gone(member.incarnation)
          this.fail()
        },
        echoed: () => this.#renew(),
      },
    )
    for (const link of this.#links.links.values()) link.onFrame(() => this.fail())
    this.#renew()
    this.#act()
  }

  fail(): void {
    if (this.#failed) return
    this.#failed = true
    this.#until = Number.NEGATIVE_INFINITY
    for (const link of this.#links.links.values()) link.send(Uint8Array.of(0))
    this.#options.process.after(LINGER, () => {
      this.#links.close()
      this.#end()
    })
  }

  stand(at: number): void {
    if (!this.#failed && this.#links.links.size === 0) this.#until = at + LEASE
  }

  #renew(): void {
    if (this.#failed || this.#links.links.size === 0) return
    let heard = Number.POSITIVE_INFINITY
    for (const { echo } of this.#links.links.values()) {
      if (echo === 0) return
      heard = Math.min(heard, echo)
    }
    this.#until = heard + LEASE
  }

  #act(): void {
    if (this.#failed) return
    const { process, world, ledger, place } = this.#options
    if (process.monotonic() < this.#until) this.#write(place.process, { world, ledger })
    process.after(ACT, () => this.#act())
  }

  /** What has been begun under the lease gets there even if the process stops right afterwards. */
  #write(
    process: number,
    { world, ledger }: { readonly world: VirtualRuntime; readonly ledger: Ledger },
  ): void {
    const { plan } = this
    const commits = plan.members[0]?.process === process
    this.#epoch ??= ledger.epochs
    const epoch = this.#epoch
    if (commits) this.#epoch += 1
    world.after(WRITE * world.random(), () => {
      ledger.act({ at: world.elapsed, process, plan })
      if (commits) ledger.commit(epoch, plan)
    })
  }
}
