import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NatsOptions } from '../../cluster/messaging.ts'

/** What a member of the troupe is told; see `member.ts`. */
export interface MemberFacts {
  readonly process: number
  readonly count: number
  readonly servers: string
  /** How to get in. */
  readonly nats?: Omit<NatsOptions, 'servers'>
  readonly args: readonly unknown[]
  readonly workers: number
  readonly dir?: string
  readonly epochInterval: number
}

/** A process of a cluster, started again whenever it is killed, until it ends by itself. */
export class Member {
  readonly ended: Promise<number | null>
  log = ''
  output = ''
  readonly #facts: MemberFacts
  readonly #listeners = new Set<() => void>()
  #process: ChildProcess
  #end: (code: number | null) => void = () => {}
  #restart = true

  constructor(facts: MemberFacts) {
    this.#facts = facts
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#process = this.#start()
  }

  /** Resolves when the member has said `text` so many times, in all its lives. */
  says(text: string, times = 1): Promise<void> {
    return new Promise((resolve, reject) => {
      const listen = (): void => {
        if (this.log.split(text).length <= times) return
        this.#listeners.delete(listen)
        resolve()
      }
      this.#listeners.add(listen)
      listen()
      this.ended
        .then((code) => reject(new Error(`ended with ${code}, never said "${text}": ${this.log}`)))
        .catch(() => {})
    })
  }

  /** How often it has said `text`. */
  times(text: string): number {
    return this.log.split(text).length - 1
  }

  signal(name: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(name)
  }

  /** Kills it for good. */
  discard(): void {
    this.#restart = false
    this.#process.kill('SIGKILL')
  }

  #start(): ChildProcess {
    const child = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        '--conditions',
        'source',
        'spec/cluster/member.ts',
        JSON.stringify(this.#facts),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log += text
      for (const listen of this.#listeners) listen()
    })
    child.once('close', (code, signal) => {
      if (signal === 'SIGKILL' && this.#restart) this.#process = this.#start()
      else this.#end(code)
    })
    return child
  }
}

/** The lines of all files of a directory, sorted: what a flow left, in whatever order. */
export const linesIn = async (directory: string): Promise<string[]> => {
  const names = await readdir(directory)
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))
  return texts.flatMap((text) => text.split('\n').slice(0, -1)).sort()
}
