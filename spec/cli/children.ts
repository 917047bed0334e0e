import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { builtProgram } from '../support/built-programs.ts'

const FOR_SOURCES = ['--import', import.meta.resolve('tsx'), '--conditions', 'source']

/** A child process with what it has written, waited for by what it writes and how it ends. */
export class Child {
  stdout = ''
  stderr = ''
  readonly #process: ChildProcess
  readonly #ended: Promise<number | null>
  /** Called with every text that comes, and at the end. */
  readonly #listeners = new Set<() => void>()

  constructor(
    args: readonly string[],
    variables: Readonly<Record<string, string>> = {},
    cwd = process.cwd(),
  ) {
    const { NODE_OPTIONS: _, ...env } = process.env
    const flags = args[0]?.endsWith('.ts') ? FOR_SOURCES : []
    this.#process = spawn(process.execPath, [...flags, ...args], {
      cwd,
      env: { ...env, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#tell()
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#tell()
    })
    this.#ended = once(this.#process, 'close').then(([code]) => code as number | null)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Resolves when the child has written `text`; rejects when it ends without. */
  says(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const listen = (): void => {
        if (!this.stdout.includes(text) && !this.stderr.includes(text)) return
        this.#listeners.delete(listen)
        resolve()
      }
      this.#listeners.add(listen)
      listen()
      const silent = (code: number | null): void =>
        reject(new Error(`The child ended with ${code} and never said "${text}": ${this.stderr}`))
      this.#ended.then(silent, reject)
    })
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void {
    this.#process.kill(name)
  }

  /** The exit code. */
  ends(): Promise<number | null> {
    return this.#ended
  }

  /** For a spec that failed: nothing stays behind. */
  discard(): void {
    this.#process.kill('SIGKILL')
  }
}

/**
 * The command as it is installed, in a process of its own, with flows that were compiled: much sooner
 * there than `tidemark`. Where a word begins with the source of a flow, it gets what that became.
 */
export const installed = (
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Child => {
  const words = args.map((word) => word.replace(/^spec\/[^:]+\.ts/, builtProgram))
  return new Child([builtProgram('cli/main.ts'), ...words], variables)
}

/** The command, from its sources, in a process of its own. */
export const tidemark = (
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Child => new Child(['cli/main.ts', ...args], variables)
