import type { RecoveryPartition, Store, StoreHost } from '../../lib/recovery/store.ts'

/** Where a process dies: at the `nth` call of a kind, over all partitions, before or after it. */
export interface Deadly {
  readonly at: 'load' | 'begin' | 'append' | 'commit'
  readonly when: 'before' | 'after'
  readonly nth: number
}

/** A store at one of whose steps this process is killed, as by `kill -9`. */
export class DeadlyStore implements Store {
  readonly #store: Store
  readonly #deadly: Deadly
  #calls = 0

  constructor(store: Store, deadly: Deadly) {
    this.#store = store
    this.#deadly = deadly
  }

  async open(host: StoreHost): Promise<readonly RecoveryPartition[]> {
    const partitions = await this.#store.open(host)
    return partitions.map((partition) => this.#wrap(partition))
  }

  #wrap(partition: RecoveryPartition): RecoveryPartition {
    const step = <T>(at: Deadly['at'], doing: () => Promise<T>): Promise<T> => this.#step(at, doing)
    const dieAt = (when: Deadly['when']): void => this.#die('load', when)
    return {
      get facts() {
        return partition.facts
      },
      begin: (flowId, execution) => step('begin', () => partition.begin(flowId, execution)),
      append: (frontier, blocks) => step('append', () => partition.append(frontier, blocks)),
      commit: (epoch) => step('commit', () => partition.commit(epoch)),
      async *load(resumeEpoch) {
        dieAt('before')
        yield* partition.load(resumeEpoch)
        dieAt('after')
      },
      close: () => partition.close(),
    }
  }

  async #step<T>(at: Deadly['at'], doing: () => Promise<T>): Promise<T> {
    this.#die(at, 'before')
    const done = await doing()
    this.#die(at, 'after')
    return done
  }

  #die(at: Deadly['at'], when: Deadly['when']): void {
    if (at !== this.#deadly.at || when !== this.#deadly.when) return
    this.#calls += 1
    if (this.#calls === this.#deadly.nth) process.kill(process.pid, 'SIGKILL')
  }
}
