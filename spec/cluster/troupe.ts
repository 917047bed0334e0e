import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NatsOptions } from '../../lib/run/nats-options.ts'
import { builtProgram } from '../support/built-programs.ts'

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
  /** The directory of an archive that commits wait for. */
  readonly archive?: string
  /** Milliseconds before the archived partitions of a lost one are taken over. */
  readonly takeOverAfter?: number
  readonly epochInterval: number
  /** @defaultValue `counting` of its module */
  readonly flow?: { readonly module: string; readonly export: string }
}

const COUNTING = { module: 'spec/cluster/flows/counting.ts', export: 'counting' }

/** A process of a cluster, started again whenever it is killed, until it ends by itself. */
export class Member {
  readonly ended: Promise<number | null>
  log = ''
  output = ''
  readonly #command: readonly string[]
  /** When each line of the log came: milliseconds of this process. */
  readonly lines: { readonly at: number; readonly text: string }[] = []
  readonly #listeners = new Set<() => void>()
  #process: ChildProcess
  #end: (code: number | null) => void = () => {}
  #restart = true

  /** @param launch a command that starts what follows it, as `strace` does */
  constructor(facts: MemberFacts, launch: readonly string[] = []) {
    const { flow = COUNTING } = facts
    const told = { ...facts, flow: { ...flow, module: builtProgram(flow.module) } }
    const program = builtProgram('spec/cluster/member.ts')
    this.#command = [...launch, process.execPath, program, JSON.stringify(told)]
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

  get pid(): number | undefined {
    return this.#process.pid
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
    const [command = '', ...args] = this.#command
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log += text
      const at = performance.now()
      for (const line of text.split('\n')) if (line !== '') this.lines.push({ at, text: line })
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
