import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker as Thread } from 'node:worker_threads'
import type { ThreadBoot } from './thread-protocol.ts'

/** A thread and whether it still lives. */
export interface PooledThread {
  readonly thread: Thread
  dead: boolean
}

/**
 * Threads that have loaded the flow's module and wait to become workers. A new execution takes up
 * those of the one before, so that it need not wait for threads to start.
 */
export class ThreadPool {
  readonly #boot: ThreadBoot
  readonly #idle: PooledThread[] = []
  #closed = false

  /**
   * @param module - the flow's, as a URL
   * @param entry - the module that is a thread's own code, from the package's root and without its
   *   ending
   */
  constructor(module: string, entry: string) {
    this.#boot = bootOf(module, entry)
  }

  /** Starts threads ahead, so that there are `count`. */
  warm(count: number): void {
    while (this.#idle.length < count) this.#idle.push(this.#spawn())
  }

  take(): PooledThread {
    for (;;) {
      const thread = this.#idle.pop()
      if (thread === undefined) return this.#spawn()
      if (!thread.dead) return thread
    }
  }

  /** Takes a thread back whose worker has closed everything. */
  async give(thread: PooledThread): Promise<void> {
    if (this.#closed) await thread.thread.terminate()
    else this.#idle.push(thread)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#idle.splice(0).map(({ thread }) => thread.terminate()))
  }

  #spawn(): PooledThread {
    const thread = new Thread(BOOT, { eval: true, workerData: this.#boot })
    const pooled = { thread, dead: false }
    // Told to whoever works with it, or found out by whoever takes it next.
    thread.on('error', () => {
      pooled.dead = true
    })
    thread.on('exit', () => {
      pooled.dead = true
    })
    return pooled
  }
}

/** Node 20 can't start a thread on a TypeScript file, so each starts on this and imports its code. */
const BOOT = `
const { workerData } = require('node:worker_threads')
const begin = async () => {
  if (workerData.loader !== null) (await import(workerData.loader)).register()
  await import(workerData.entry)
}
begin().catch((error) => { setImmediate(() => { throw error }) })
`

/** The thread's own code, and a loader where that or the flow's module is TypeScript. */
const bootOf = (module: string, name: string): ThreadBoot => {
  const source = import.meta.url.endsWith('.ts')
  const entry = new URL(`../../${name}${source ? '.ts' : '.js'}`, import.meta.url).href
  const typed = source || /\.[cm]?tsx?$/.test(new URL(module).pathname)
  return { entry, loader: typed ? loaderUrl() : null, module }
}

/**
 * `import.meta.resolve` is not there where a loader runs modules as CommonJS, as in many test
 * runners, and `require.resolve` gives the CommonJS twin, which can't register itself in a thread.
 */
const loaderUrl = (): string => {
  const twin = createRequire(import.meta.url).resolve('tsx/esm/api')
  return pathToFileURL(twin.replace(/\.cjs$/, '.mjs')).href
}
