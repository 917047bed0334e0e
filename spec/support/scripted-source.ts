import {
  DynamicSource,
  EOF,
  FixedPartitionedSource,
  type Polled,
  type Runtime,
  StatefulSourcePartition,
  StatelessSourcePartition,
} from 'tidemark'

/** What each poll of a partition gives, and how long after it the next may come: milliseconds. */
export interface Script<T> {
  readonly batches: readonly (Iterable<T> | (() => Promise<Polled<T>>))[]
  readonly every?: number | undefined
  /** Answers by promises. */
  readonly later?: boolean
  /** Called with the run's time at each poll. */
  readonly polled?: (now: number) => void
}

interface Reading<T> {
  next(): Polled<T> | Promise<Polled<T>>
  awake(): number | null
  readonly at: number
}

const reading = <T>(script: Script<T>, runtime: Runtime, from: number): Reading<T> => {
  let at = from
  let last = runtime.now()
  return {
    next: () => {
      last = runtime.now()
      script.polled?.(last)
      const batch = script.batches[at]
      if (batch === undefined) return EOF
      at += 1
      if (typeof batch === 'function') return batch()
      return script.later === true ? Promise.resolve(batch) : batch
    },
    awake: () => (script.every === undefined ? null : last + script.every),
    get at() {
      return at
    },
  }
}

/** A source of one partition whose polls are written down; its position is their number. */
export class ScriptedSource<T> extends FixedPartitionedSource<T, number> {
  readonly #scripts: Record<string, Script<T>>
  #runtime: Runtime | null = null

  constructor(scripts: Record<string, Script<T>>) {
    super()
    this.#scripts = scripts
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return Object.keys(this.#scripts)
  }

  override buildPart(_stepId: string, part: string, resume: number | null) {
    const read = reading(this.#scripts[part] as Script<T>, this.#runtime as Runtime, resume ?? 0)
    return new (class extends StatefulSourcePartition<T, number> {
      override nextBatch(): Polled<T> | Promise<Polled<T>> {
        return read.next()
      }

      override nextAwake(): number | null {
        return read.awake()
      }

      override snapshot(): number {
        return read.at
      }
    })()
  }
}

/** The same without a position, on every worker. */
export class ScriptedDynamicSource<T> extends DynamicSource<T> {
  readonly #script: Script<T>
  #runtime: Runtime | null = null

  constructor(script: Script<T>) {
    super()
    this.#script = script
  }

  override useRun({ runtime }: { readonly runtime: Runtime }): void {
    this.#runtime = runtime
  }

  override build(): StatelessSourcePartition<T> {
    const read = reading(this.#script, this.#runtime as Runtime, 0)
    return new (class extends StatelessSourcePartition<T> {
      override nextBatch(): Polled<T> | Promise<Polled<T>> {
        return read.next()
      }

      override nextAwake(): number | null {
        return read.awake()
      }
    })()
  }
}
