import { ClusterError } from '../lib/errors/errors.ts'
import type { Runtime, Timer } from '../lib/runtime/runtime.ts'
import { secretBytes } from '../lib/runtime/secret.ts'
import type { ProcessPlace } from './cluster-crew.ts'
import {
  encodeControl,
  type Hello,
  type LastExecution,
  lastOf,
  type Plan,
  readHello,
  readPlan,
} from './control.ts'
import type { Estate } from './estate.ts'
import { contests, formation, type LostStore, newer } from './formation.ts'
import { LEASE_TTL, Lease } from './lease.ts'
import type { Messaging, Register, Subscription } from './messaging.ts'

/** The key in which whoever forms an execution leaves its name. */
const NEWEST = 'execution'
const TELL_EVERY = 300
/** A process that was heard of longer ago than this is away: milliseconds. */
const PRESENT = 2000
/** How long an absent process is given to come back before the others go on without it. */
const PATIENCE = 3000
/** A process that came back is let in no sooner than this after an execution began. */
const CALM = 5000
/** Another life of this very process that is heard of for so long is no ghost. */
const DOUBLE = 4000
/** Of two that have both been there for long, one gives way after this. */
const STALEMATE = 12_000
/** Whoever meets another life of itself this soon after it came is the later one. */
const NEWCOMER = 1500
/** A life that was heard of more lately than this has not been followed by another. */
const SPEAKING = 700
const REMIND_EVERY = 10_000
const MOST_GONE = 256
/** Longer than whoever is alone in an execution may act after it was last seen to be: milliseconds. */
const CLEARED = 1800
/** Between two looks at whose a store is that another process has, too. */
const LOOK_AGAIN = 1000

export interface CouncilOptions {
  readonly flowId: string
  readonly hash: string
  readonly version: string
  readonly place: ProcessPlace
  readonly workers: number
  readonly messaging: Messaging
  readonly incarnation: string
  readonly runtime: Runtime
  readonly report: (level: 'info' | 'warn', message: string) => void
  /**
   * How long a process is given that is missing when the others start, before they begin without it where
   * they can: milliseconds.
   */
  readonly startWait: number
  /** How stores of lost processes are taken over; `null` where nothing is archived. */
  readonly estate: Estate | null
  /** Told of every word of another process. */
  readonly changed: (hello: Hello) => void
  /** Told of a plan that takes the place of the execution under way. */
  readonly superseded: (plan: Plan) => void
  /** Told while this process is alone in an execution: no other had begun one by `at`. */
  readonly stands?: (at: number) => void
}

/**
 * Where the processes of a flow find together: each says again and again how it stands, one leads
 * and forms executions.
 *
 * N1. The number of an execution is higher than any that a process in it has seen.
 * N2. A process takes up a plan only if it is in it, in this life, and it is the newest it has seen.
 * N3. A process of another flow, release or count of processes takes part in nothing.
 * N4. Who forms an execution without some process has said so in the register for so long that none
 *     of those can act any more which, alone in another, look there first.
 * N5. A process that is heard but hears nothing counts as one that is away.
 * N6. Of two lives of one process that speak at a time the later gives way, and disturbs nobody.
 */
export class Council {
  readonly #options: CouncilOptions
  readonly #lease: Lease
  readonly #heard = new Map<number, Heard>()
  /** Lives that have ended, the newest last. */
  readonly #gone = new Set<string>()
  #subscriptions: readonly Subscription[] = []
  #register: Register | null = null
  #brings: Brings = { stores: null, run: null, last: null }
  #plan: Plan | null = null
  #planned = Number.NEGATIVE_INFINITY
  #next: Plan | null = null
  #waiting: { resolve: (plan: Plan | null) => void; reject: (error: unknown) => void } | null = null
  #refused: ClusterError | null = null
  #seen = 0
  #busy = 0
  #done = 0
  #idleSince: number
  #forming = false
  #standing = false
  #leaving = false
  #rival: Rival | null = null
  #joined = Number.NEGATIVE_INFINITY
  readonly #reminded = new Map<Topic, number>()
  /** Stores come or go: nothing can be formed with this process meanwhile. */
  #changing = false
  #changed = Number.NEGATIVE_INFINITY
  #triedInVain = Number.NEGATIVE_INFINITY
  readonly #needless = new Set<string>()
  #timer: Timer | null = null
  #left = false

  constructor(options: CouncilOptions) {
    this.#options = options
    this.#idleSince = options.runtime.monotonic()
    this.#lease = new Lease(() => this.register(), {
      id: options.incarnation,
      runtime: options.runtime,
      gone: (id) => this.#gone.has(id),
    })
  }

  /** The flow's bucket; asked for anew each time something went wrong with it. */
  async register(): Promise<Register> {
    const { messaging, flowId } = this.#options
    if (this.#register === null) {
      this.#register = watched(await messaging.register(`tm_${flowId}`, LEASE_TTL), () => {
        this.#register = null
      })
    }
    return this.#register
  }

  /** Begins to speak and to listen. */
  async join(brings: Brings): Promise<void> {
    this.#brings = brings
    this.#seen = brings.last?.execution ?? 0
    await this.register()
    const { messaging, flowId } = this.#options
    this.#subscriptions = [
      messaging.subscribe(`tidemark.${flowId}.ctl.hello`, (bytes) => {
        const hello = readHello(bytes)
        if (hello !== null) this.#hearHello(hello)
      }),
      messaging.subscribe(`tidemark.${flowId}.ctl.plan`, (bytes) => {
        const plan = readPlan(bytes)
        if (plan !== null) this.#hearPlan(plan)
      }),
    ]
    this.#joined = this.#options.runtime.monotonic()
    this.#lease.begin()
    this.#beat()
  }

  async leave(): Promise<void> {
    this.#tell()
    this.#left = true
    this.#timer?.cancel()
    for (const each of this.#subscriptions) each.end()
    await this.#lease.end()
  }

  /**
   * The next execution that this process is to take part in; `null` once it is to stop.
   *
   * @throws ClusterError where the others do not take it
   */
  nextPlan(): Promise<Plan | null> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#offer()
    })
  }

  /** From now on this process takes up no execution. */
  stop(): void {
    this.#leaving = true
    this.#tell()
    this.#offer()
  }

  onDone(execution: number): void {
    this.#done = execution
    this.#busy = 0
    this.#tell()
  }

  onFailed(): void {
    this.#busy = 0
    this.#idleSince = this.#options.runtime.monotonic()
    this.#tell()
    if (this.#lease.held) this.#formIfReady()
  }

  /** A life has ended for certain: what it leads is free. */
  onGone(incarnation: string): void {
    this.#gone.delete(incarnation)
    this.#gone.add(incarnation)
    for (const oldest of this.#gone) {
      if (this.#gone.size <= MOST_GONE) break
      this.#gone.delete(oldest)
    }
    this.#lease.hurry()
  }

  /** Whether a process that is not in the execution may have it formed anew, with it. */
  wantsIn(hello: Hello): boolean {
    const age = this.#options.runtime.monotonic() - this.#planned
    const { process } = this.#options.place
    const free = hello.busy === 0 && hello.done === 0 && !hello.leaving
    return free && hello.hears.includes(process) && this.#fits(hello) && age > CALM
  }

  #hello(): Hello {
    const { place, incarnation, workers, hash, version, runtime } = this.#options
    const now = runtime.monotonic()
    return {
      process: place.process,
      count: place.count,
      incarnation,
      workers,
      hash,
      version,
      stores: this.#brings.stores,
      run: this.#brings.run,
      last: this.#busy === 0 ? this.#last : null,
      hears: [...this.#heard].filter(([, { at }]) => now - at < PRESENT).map(([each]) => each),
      seen: this.#seen,
      busy: this.#changing && this.#busy === 0 ? Math.max(1, this.#seen) : this.#busy,
      done: this.#done,
      leads: this.#lease.held,
      leaving: this.#leaving,
    }
  }

  /** The newest execution that this process knows of. */
  get #last(): LastExecution | null {
    return this.#plan === null ? this.#brings.last : lastOf(this.#plan)
  }

  #beat(): void {
    if (this.#left) return
    this.#tell()
    if (this.#lease.held) this.#lead()
    this.#timer = this.#options.runtime.after(TELL_EVERY, () => this.#beat())
  }

  #tell(): void {
    if (this.#left) return
    const { messaging, flowId } = this.#options
    if (messaging.state !== 'up') return
    messaging.publish(`tidemark.${flowId}.ctl.hello`, encodeControl(this.#hello()))
  }

  #hearHello(hello: Hello): void {
    const { place, incarnation, runtime } = this.#options
    if (hello.incarnation === incarnation) return
    if (hello.process === place.process) {
      this.#onRival(hello)
      return
    }
    if (!this.#fits(hello)) {
      if (hello.leads && this.#busy === 0) this.#refuse(whyNot(hello, this.#hello()))
      else if (this.#lease.held) {
        this.#remind(
          'kept out',
          `process ${hello.process} is kept out: ${whyKeptOut(hello, this.#hello())}`,
        )
      }
      return
    }
    const before = this.#heard.get(hello.process)
    const isNew = before?.hello.incarnation !== hello.incarnation
    const at = runtime.monotonic()
    if (before !== undefined && isNew && at - before.at < SPEAKING) return
    const answered = isNew || hello.hears.includes(place.process) ? at : before.answered
    this.#heard.set(hello.process, { hello, at, answered })
    if (before !== undefined && isNew) this.onGone(before.hello.incarnation)
    if (this.#lease.held && at - answered > PRESENT) {
      this.#remind(
        'deaf',
        `process ${hello.process} is heard, but hears nothing: its way from NATS is cut, or its user may not subscribe`,
      )
    }
    if (hello.leaving && this.#busy === 0) this.stop()
    this.#options.changed(hello)
    if (contests(hello, this.#hello())) this.#lookAgain()
    if (this.#lease.held) this.#formIfReady()
  }

  /** Two lives of one process: one that is not at work gives way, if the other is no echo (N6). */
  #onRival({ busy, incarnation }: Hello): void {
    const now = this.#options.runtime.monotonic()
    if (this.#rival === null || now - this.#rival.heard > PRESENT) {
      this.#rival = { since: now, heard: now, isFirst: now - this.#joined > NEWCOMER }
    }
    this.#rival.heard = now
    if (this.#busy !== 0) return
    const { process } = this.#options.place
    const met = now - this.#rival.since
    const isStuck = met >= STALEMATE && this.#options.incarnation > incarnation
    if (!isStuck && (met < DOUBLE || (this.#rival.isFirst && busy === 0))) return
    this.#refuse(
      `Process ${process} of the flow runs already somewhere else: give each its own number with -i.`,
    )
  }

  #fits(hello: Hello): boolean {
    const { hash, version, place } = this.#options
    const durable = (hello.stores === null) === (this.#brings.stores === null)
    return (
      hello.hash === hash && hello.version === version && hello.count === place.count && durable
    )
  }

  #refuse(why: string): void {
    this.#refused ??= new ClusterError(why)
    this.#offer()
  }

  #hearPlan(plan: Plan): void {
    if (plan.execution <= this.#seen || plan.hash !== this.#options.hash) return
    this.#seen = plan.execution
    const { place, incarnation } = this.#options
    const own = plan.members.find(({ process }) => process === place.process)
    this.#plan = plan
    this.#planned = this.#options.runtime.monotonic()
    const isIn = own?.incarnation === incarnation && !this.#leaving
    this.#next = isIn ? plan : null
    if (isIn) this.#brings = { ...this.#brings, run: plan.run }
    if (this.#busy !== 0) this.#options.superseded(plan)
    this.#offer()
  }

  /** Hands the waiting crew what there is for it. */
  #offer(): void {
    const waiting = this.#waiting
    if (waiting === null || this.#changing) return
    if (this.#refused !== null) {
      this.#waiting = null
      waiting.reject(this.#refused)
    } else if (this.#leaving) {
      this.#waiting = null
      waiting.resolve(null)
    } else if (this.#next !== null) {
      const plan = this.#next
      this.#next = null
      this.#waiting = null
      this.#busy = plan.execution
      this.#tell()
      waiting.resolve(plan)
    }
  }

  #lead(): void {
    const { place, messaging, flowId } = this.#options
    const own = this.#plan?.members.some(({ process }) => process === place.process) === true
    if (this.#busy !== 0 && this.#plan !== null && own) {
      messaging.publish(`tidemark.${flowId}.ctl.plan`, encodeControl(this.#plan))
      if (this.#plan.members.length < place.count) void this.#stand(this.#plan)
      return
    }
    this.#formIfReady()
  }

  /** Keeps the register's word that this execution is the newest, unless another has put in its own. */
  async #stand(plan: Plan): Promise<void> {
    if (this.#standing) return
    this.#standing = true
    const { incarnation, runtime, stands } = this.#options
    const at = runtime.monotonic()
    try {
      const register = await this.register()
      const entry = await register.get(NEWEST)
      if (entry !== null && entry.value !== incarnation) return
      const kept =
        entry === null
          ? await register.create(NEWEST, incarnation)
          : await register.update(NEWEST, incarnation, entry.revision)
      const isAlone = plan.members.length === 1 && this.#busy === plan.execution
      if (kept !== null && isAlone) stands?.(at)
    } catch {
      // The server is away: the next beat tries again.
    } finally {
      this.#standing = false
    }
  }

  /** Whether no other process has begun to form while all that may be alone somewhere came to rest. */
  async #isCleared(): Promise<boolean> {
    const { incarnation, runtime } = this.#options
    await new Promise<void>((resolve) => {
      runtime.after(CLEARED, resolve)
    })
    const entry = await (await this.register()).get(NEWEST)
    return entry?.value === incarnation && !this.#leaving && !this.#left
  }

  #formIfReady(): void {
    const { place, runtime, startWait } = this.#options
    const idle = this.#busy === 0 && this.#next === null && this.#done === 0
    if (!idle || this.#forming || this.#changing || this.#leaving || this.#left) return
    const now = runtime.monotonic()
    const others = [...this.#heard.values()]
      .filter(({ hello, at, answered }) => {
        return now - at < PRESENT && now - answered < PRESENT && !hello.leaving
      })
      .map(({ hello }) => hello)
    // Those that are started together come one by one; there is no hurry as behind a fault.
    const patience = this.#plan === null ? Math.max(PATIENCE, startWait) : PATIENCE
    const found = formation({
      present: [this.#hello(), ...others],
      count: place.count,
      last: others.reduce((last, each) => newer(last, each.last), this.#last),
      patient: now - this.#idleSince > patience,
      needless: this.#needless,
    })
    if (found.kind === 'wait') {
      if (found.why !== null) this.#remind('waits', found.why)
      this.#takeOver(found.lost ?? [])
      return
    }
    this.#forming = true
    void this.#form(found.members, others).finally(() => {
      this.#forming = false
    })
  }

  /** Takes over what lost processes have kept, once they have been given long to come back. */
  #takeOver(lost: readonly LostStore[]): void {
    const { estate, report } = this.#options
    if (lost.length === 0 || estate === null) return
    const now = this.#options.runtime.monotonic()
    const since = Math.max(
      this.#idleSince,
      ...lost.map(({ process }) => this.#heard.get(process)?.at ?? Number.NEGATIVE_INFINITY),
    )
    if (now - since < estate.after || now - this.#triedInVain < REMIND_EVERY) return
    void this.#change(estate, async () => {
      for (const { store, process } of lost) {
        report('info', `taking over the recovery partitions of process ${process} from the archive`)
        const found = await estate.takeOver(store)
        if (found.kind === 'empty') this.#needless.add(store)
        if (found.kind !== 'refused') continue
        this.#triedInVain = now
        report(
          'warn',
          `the recovery partitions of process ${process} can't be taken over: ${found.why}`,
        )
      }
    })
  }

  /** Another process has a store that this one has: which of them keeps it is written down. */
  #lookAgain(): void {
    const { estate, runtime } = this.#options
    const soon = runtime.monotonic() - this.#changed < LOOK_AGAIN
    if (estate === null) return
    if (soon || this.#busy !== 0 || this.#changing || this.#left) return
    void this.#change(estate, async () => {})
  }

  async #change(estate: Estate, work: () => Promise<void>): Promise<void> {
    const { report, runtime } = this.#options
    this.#changing = true
    this.#tell()
    try {
      await work()
      const stores = await estate.stores()
      // A plan of before names other stores.
      if (String(stores) !== String(this.#brings.stores)) this.#next = null
      this.#brings = { ...this.#brings, stores }
    } catch (error) {
      this.#triedInVain = runtime.monotonic()
      report('warn', `recovery partitions can't change hands: ${messageOf(error)}`)
    }
    this.#changing = false
    this.#changed = runtime.monotonic()
    this.#tell()
    this.#offer()
  }

  /** Numbers the execution and tells of it (N1). */
  async #form(members: Plan['members'], others: readonly Hello[]): Promise<void> {
    const { messaging, flowId, hash, incarnation, place } = this.#options
    try {
      const written = await (await this.register()).put(NEWEST, incarnation)
      if (members.length < place.count && !(await this.#isCleared())) return
      if (!this.#lease.held) return
      const known = [this.#seen, ...others.map(({ seen }) => seen)]
      const runs = [this.#brings.run, ...others.map(({ run }) => run)].filter((run) => run !== null)
      const plan: Plan = {
        execution: Math.max(written, ...known.map((seen) => seen + 1)),
        token: hex(secretBytes(16)),
        run: runs.sort()[0] ?? hex(secretBytes(8)),
        hash,
        members,
      }
      messaging.publish(`tidemark.${flowId}.ctl.plan`, encodeControl(plan))
      this.#hearPlan(plan)
    } catch {
      // The server went away in between: the next beat tries again.
    }
  }

  #remind(topic: Topic, why: string): void {
    const now = this.#options.runtime.monotonic()
    if (now - (this.#reminded.get(topic) ?? Number.NEGATIVE_INFINITY) < REMIND_EVERY) return
    // A process that is merely a little later than the others is nothing to speak of.
    if (now - this.#idleSince < PATIENCE) return
    this.#reminded.set(topic, now)
    this.#options.report('info', why)
  }
}

/** What a process has when it comes. */
interface Brings {
  /** The ids of the recovery stores that it can read; `null` where no snapshots are kept. */
  readonly stores: readonly string[] | null
  /** The run that its recovery directory was left in; `null` where in none. */
  readonly run: string | null
  /** The last execution that it took part in, in a life before this one. */
  readonly last: LastExecution | null
}

/** What another process said last, when that was, and when it had last heard this one, or came. */
interface Heard {
  readonly hello: Hello
  readonly at: number
  readonly answered: number
}

/** What one is reminded of now and again, each by itself. */
type Topic = 'waits' | 'kept out' | 'deaf'

/** Another life of this very process that speaks, too. */
interface Rival {
  readonly since: number
  heard: number
  /** Whether this life was there before it. */
  readonly isFirst: boolean
}

/** Forgets a bucket that fails, so that it is looked up, or made, again. */
const watched = (register: Register, failed: () => void): Register => {
  const watch = <T>(work: Promise<T>): Promise<T> => {
    work.catch(failed)
    return work
  }
  return {
    get: (key) => watch(register.get(key)),
    create: (key, value) => watch(register.create(key, value)),
    update: (key, value, revision) => watch(register.update(key, value, revision)),
    put: (key, value) => watch(register.put(key, value)),
    delete: (key) => watch(register.delete(key)),
  }
}

const whyNot = (leader: Hello, own: Hello): string => {
  if (leader.count !== own.count) {
    return `The flow runs in ${leader.count} processes, and this one was started as one of ${own.count}.`
  }
  if (leader.version !== own.version) {
    return `The flow runs with version ${leader.version} of tidemark, and this process has ${own.version}.`
  }
  if (leader.hash !== own.hash) {
    return 'This process has another flow than the others under the same id: its steps differ. Deploy the same module everywhere.'
  }
  return leader.stores === null
    ? 'The other processes keep no snapshots, and this one does: give all of them a recovery directory, or none.'
    : 'The other processes keep snapshots, and this one does not: give all of them a recovery directory, or none.'
}

const whyKeptOut = (hello: Hello, own: Hello): string => {
  if (hello.count !== own.count) return `it was started as one of ${hello.count}, not ${own.count}`
  if (hello.version !== own.version) {
    return `it has version ${hello.version} of tidemark, and the others have ${own.version}`
  }
  if (hello.hash !== own.hash) return 'it has another flow under the same id; its steps differ'
  return hello.stores === null
    ? 'it keeps no snapshots, and the others do'
    : 'it keeps snapshots, and the others do not'
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
