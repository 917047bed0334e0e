import type { Runtime } from '../../lib/runtime/runtime.ts'
import type { Fetched, KafkaCluster, Wanted } from './cluster.ts'
import { nameOf } from './message.ts'
import { Pauses } from './pauses.ts'

/** How long a broker may wait for something to come: milliseconds. Who joins waits as long. */
const MAX_WAIT = 200

/** A partition that is being read. */
export interface Feed {
  /** What it wants now; `null` while it has enough. */
  wants(): Wanted | null
  take(fetched: Fetched): void
  /** Says when to try again. */
  failed(error: unknown): 'now' | 'later' | 'never'
}

/**
 * Asks each broker for all that is wanted of it at once: it answers one question of a connection
 * after the other, so a partition that asked by itself would keep the others waiting.
 */
export class Fetcher {
  readonly #cluster: KafkaCluster
  readonly #feeds = new Map<Feed, Line>()
  readonly #runtime: Runtime
  /** Brokers that are being asked. */
  readonly #busy = new Set<number>()
  #closed = false

  constructor(cluster: KafkaCluster, runtime: Runtime) {
    this.#cluster = cluster
    this.#runtime = runtime
  }

  add(feed: Feed): void {
    const line = new Line(feed, this.#runtime)
    this.#feeds.set(feed, line)
    this.poke(feed)
  }

  remove(feed: Feed): void {
    this.#feeds.get(feed)?.pauses.close()
    this.#feeds.delete(feed)
  }

  /** A feed may have got room. */
  poke(feed: Feed): void {
    const line = this.#feeds.get(feed)
    if (line === undefined || this.#closed) return
    if (line.leader === null) void this.#locate(line)
    else void this.#serve(line.leader)
  }

  close(): void {
    this.#closed = true
    for (const { pauses } of this.#feeds.values()) pauses.close()
    this.#feeds.clear()
  }

  async #locate(line: Line): Promise<void> {
    if (line.locating) return
    line.locating = true
    while (this.#has(line) && line.leader === null) {
      const wanted = line.feed.wants()
      if (wanted === null) break
      try {
        line.leader = await this.#cluster.leaderOf(wanted)
      } catch (error) {
        if (!(await this.#goesOn(line, error))) break
      }
    }
    line.locating = false
    if (line.leader !== null) void this.#serve(line.leader)
  }

  /** Asks one broker again and again, as long as something is wanted of it. */
  async #serve(leader: number): Promise<void> {
    if (this.#busy.has(leader)) return
    this.#busy.add(leader)
    for (let lines = this.#hungry(leader); lines.size > 0; lines = this.#hungry(leader)) {
      const wanted = [...lines.values()].map(([, each]) => each)
      try {
        const fetched = await this.#cluster.fetch(leader, wanted, { maxWait: MAX_WAIT })
        for (const each of fetched) this.#give(lines.get(nameOf(each))?.[0], each)
      } catch (error) {
        for (const [line] of lines.values()) this.#lose(line, error)
      }
    }
    this.#busy.delete(leader)
  }

  #hungry(leader: number): Map<string, [Line, Wanted]> {
    const lines = new Map<string, [Line, Wanted]>()
    if (this.#closed) return lines
    for (const line of this.#feeds.values()) {
      if (line.leader !== leader) continue
      const wanted = line.feed.wants()
      if (wanted !== null) lines.set(nameOf(wanted), [line, wanted])
    }
    return lines
  }

  #give(line: Line | undefined, fetched: Fetched): void {
    if (line === undefined || !this.#has(line)) return
    if (fetched.error !== null) return this.#lose(line, fetched.error)
    line.pauses.reset()
    line.feed.take(fetched)
  }

  /** The broker may not be the leader any more, or may be gone. */
  #lose(line: Line, error: unknown): void {
    if (!this.#has(line) || line.leader === null) return
    line.leader = null
    line.locating = true
    void this.#goesOn(line, error).then((goesOn) => {
      line.locating = false
      if (goesOn) void this.#locate(line)
    })
  }

  async #goesOn(line: Line, error: unknown): Promise<boolean> {
    const again = line.feed.failed(error)
    if (again === 'never') this.remove(line.feed)
    if (again === 'later') await line.pauses.pass()
    return this.#has(line)
  }

  #has(line: Line): boolean {
    return !this.#closed && this.#feeds.get(line.feed) === line
  }
}

class Line {
  readonly feed: Feed
  readonly pauses: Pauses
  leader: number | null = null
  locating = false

  constructor(feed: Feed, runtime: Runtime) {
    this.feed = feed
    this.pauses = new Pauses(runtime)
  }
}
