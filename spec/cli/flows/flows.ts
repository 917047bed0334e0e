// Flows that the shell's specs run: what a user might write, well and badly.
import {
  type Dataflow,
  DynamicSink,
  dataflow,
  FixedPartitionedSource,
  fromIterable,
  StatefulSourcePartition,
  StatelessSinkPartition,
} from 'tidemark'
import { FileSink, FileSource } from 'tidemark/connectors/files'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { keyOn, keyRm, map, statefulMap } from 'tidemark/operators'

export const flow: Dataflow = dataflow('numbers')
flow
  .input('numbers', fromIterable([0, 1, 2]))
  .pipe(map('next', (n) => n + 1))
  .output('print', new StdOutSink())

export const answer = 42

/** Prints a word a number of times. */
export const repeat = (word: string, times: number): Dataflow => {
  const made = dataflow('repeat')
  made
    .input('words', fromIterable(Array.from({ length: times }, () => word)))
    .output('print', new StdOutSink())
  return made
}

export const throwing = (): Dataflow => {
  throw new RangeError('no flow today')
}

export const fails: Dataflow = dataflow('fails')
fails
  .input('numbers', fromIterable([1, 2, 3]))
  .pipe(
    map('check', (n) => {
      if (n === 2) throw new TypeError('no twos')
      return n
    }),
  )
  .output('print', new StdOutSink())

export const noOutput: Dataflow = dataflow('no-output')
noOutput.input('numbers', fromIterable([1]))

export const twins = (): Dataflow => {
  const made = dataflow('twins')
  made.input('same', fromIterable([1])).pipe(map('same', (n) => n))
  return made
}

export const reads = (path: string): Dataflow => {
  const made = dataflow('reads')
  made.input('lines', new FileSource(path)).output('print', new StdOutSink())
  return made
}

export const writes = (path: string): Dataflow => {
  const made = dataflow('writes')
  made
    .input('lines', fromIterable(['a']))
    .pipe(keyOn('all', () => 'all'))
    .output('file', new FileSink(path))
  return made
}

/** Counts on and on, one number a turn, and says `going` at every hundredth. */
class Endless extends FixedPartitionedSource<number, number> {
  override listParts(): string[] {
    return ['all']
  }

  override buildPart(_step: string, _part: string, resume: number | null): EndlessPartition {
    return new EndlessPartition(resume ?? 0)
  }
}

class EndlessPartition extends StatefulSourcePartition<number, number> {
  #next: number

  constructor(next: number) {
    super()
    this.#next = next
  }

  override nextBatch(): number[] {
    this.#next += 1
    if (this.#next % 100 === 0) process.stdout.write('going\n')
    return [this.#next]
  }

  override snapshot(): number {
    return this.#next
  }
}

export const endless = (path: string): Dataflow => {
  const made = dataflow('endless')
  made
    .input('numbers', new Endless())
    .pipe(
      map('text', String),
      keyOn('one', () => 'one'),
    )
    .output('file', new FileSink(path))
  return made
}

/** Prints each number, with how many there have been. */
export const counting: Dataflow = dataflow('counting')
counting
  .input('numbers', new Endless())
  .pipe(
    keyOn('one', () => 'one'),
    statefulMap('count', (count: number | null, n) => [
      (count ?? 0) + 1,
      `${n} ${(count ?? 0) + 1}`,
    ]),
    keyRm('bare'),
  )
  .output('print', new StdOutSink())

/** A sink that never comes back: only a second interrupt ends it. */
class Stuck extends DynamicSink<number> {
  override build(): StatelessSinkPartition<number> {
    return new StuckPartition()
  }
}

class StuckPartition extends StatelessSinkPartition<number> {
  override writeBatch(): Promise<void> {
    process.stdout.write('stuck\n')
    setInterval(() => {}, 60_000)
    return new Promise(() => {})
  }
}

export const stuck: Dataflow = dataflow('stuck')
stuck.input('numbers', new Endless()).output('nowhere', new Stuck())
