import { LocalNats } from '../../cluster/nats-server.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { Folder } from '../support/folder.ts'
import { linesIn, Member, type MemberFacts } from './troupe.ts'

/** What a member says when it takes up an execution. */
export const BEGINS = 'takes part in formation '

export const pause = (time: number): Promise<void> =>
  new Promise((resolve) => {
    systemRuntime.after(time, resolve)
  })

/** A server, a directory, and the members that write into its `out`: all new for each spec. */
export class Stage {
  readonly folder: Folder = new Folder()
  #server: LocalNats | null = null
  #members: Member[] = []

  get server(): LocalNats {
    if (this.#server === null) throw new Error('Nothing is on stage outside of a spec.')
    return this.#server
  }

  /** Starts a member with a worker and an epoch of 50 ms, unless told otherwise. */
  start(
    facts: Omit<MemberFacts, 'servers' | 'workers' | 'epochInterval'> & { workers?: number },
  ): Member {
    const member = new Member({ workers: 1, epochInterval: 50, servers: this.server.url, ...facts })
    this.#members.push(member)
    return member
  }

  /** What has been written so far. */
  written(): Promise<string[]> {
    return linesIn(this.folder.file('out')).catch(() => [])
  }

  /** Resolves when so many lines more have been written: epochs are being committed. */
  async goesOn(more = 20): Promise<void> {
    const { length } = await this.written()
    while ((await this.written()).length < length + more) await pause(50)
  }

  async open(): Promise<void> {
    await this.folder.make()
    this.#server = await LocalNats.start()
  }

  async close(): Promise<void> {
    for (const member of this.#members) member.discard()
    await Promise.all(this.#members.map(({ ended }) => ended))
    this.#members = []
    await this.server.stop()
    this.#server = null
    await this.folder.remove()
  }
}

/** The stage of the specs that follow. */
export const onStage = (): Stage => {
  const stage = new Stage()
  beforeEach(() => stage.open())
  afterEach(() => stage.close())
  return stage
}
