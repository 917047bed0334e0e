import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

const NODE = ['--import', 'tsx', '--conditions', 'source']

/** A child process with what it has written, waited for by what it writes and how it ends. */
export class Child {
  stdout = ''
  stderr = ''
  readonly #process: ChildProcess
  readonly #ended: Promise<number | null>

  constructor(args: readonly string[], variables: Readonly<Record<string, string>> = {}) {
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#process = spawn(process.execPath, [...NODE, ...args], {
      env: { ...env, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.#ended = once(this.#process, 'close').then(([code]) => code as number | null)
  }

  /** Resolves when the child has written `text`; rejects when it ends without. */
  async says(text: string): Promise<void> {
    const heard = (): boolean => this.stdout.includes(text) || this.stderr.includes(text)
    while (!heard()) {
      const more = [this.#process.stdout, this.#process.stderr].map((stream) =>
        stream === null ? this.#ended : once(stream, 'data'),
      )
      const code = await Promise.race([this.#ended, ...more.map((each) => each.then(() => -1))])
      if (code !== -1 && !heard()) {
        throw new Error(`The child ended with ${code} and never said "${text}": ${this.stderr}`)
      }
    }
  }

  signal(name: 'SIGINT' | 'SIGTERM'): void {
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

/** The command, from its sources, in a process of its own. */
export const tidemark = (
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Child => new Child(['cli/main.ts', ...args], variables)
