/** W2: lines of ten words drawn by Zipf's law are split and counted, an update for every word. */

import { map, mergeMap, Observable } from 'rxjs'
import { cut, randomIntegers } from '../data.ts'
import { growingSum, throughput } from '../throughput.ts'
import type { Laps, Outcome, Tally, Workload } from '../workload.ts'

const WORDS_A_LINE = 10
const VOCABULARY = 10_000
/** Lines of a source batch: about as many words as other workloads have items in one. */
const LINES_A_BATCH = 100

const makeLines = (size: number): string[] => {
  const random = randomIntegers(2)
  const words = Array.from(
    { length: VOCABULARY },
    (_, rank) => `w${rank.toString(36)}${'aeiou'.slice(0, rank % 6)}`,
  )
  const upTo: number[] = []
  let weight = 0
  for (let rank = 1; rank <= VOCABULARY; rank += 1) {
    weight += 1 / rank
    upTo.push(weight)
  }

  const draw = (): string => {
    const at = (random() / 2 ** 32) * weight
    let low = 0
    let high = VOCABULARY - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((upTo[middle] as number) > at) high = middle
      else low = middle + 1
    }
    return words[low] as string
  }
  return Array.from({ length: size }, () => Array.from({ length: WORDS_A_LINE }, draw).join(' '))
}

/** A word that occurs n times a pass puts out 1, 2 ... n in the first, n more each in the next. */
const expected = (lines: readonly string[], passes: number): Tally => {
  const occurrences = new Map<string, number>()
  for (const word of lines.flatMap((line) => line.split(' '))) {
    occurrences.set(word, (occurrences.get(word) ?? 0) + 1)
  }
  let first = 0n
  let growth = 0n
  for (const [word, times] of occurrences) {
    const n = BigInt(times)
    first += (BigInt(word.length) * n * (n + 1n)) / 2n
    growth += BigInt(word.length) * n * n
  }
  return { count: lines.length * WORDS_A_LINE * passes, sum: growingSum({ first, growth }, passes) }
}

const splitWords = (line: string): string[] => line.split(' ')
const increment = (count: number | null): [number, number] => {
  const next = (count ?? 0) + 1
  return [next, next]
}

const hand = (lines: readonly string[], laps: Laps): Outcome => {
  const counts = new Map<string, number>()
  let count = 0
  let sum = 0
  while (laps.next()) {
    const pass = handPass(lines, counts)
    count += pass.count
    sum = (sum + pass.sum) | 0
  }
  return { count, sum }
}

const handPass = (lines: readonly string[], counts: Map<string, number>): Tally => {
  let count = 0
  let sum = 0
  for (let i = 0; i < lines.length; i += 1) {
    const words = (lines[i] as string).split(' ')
    for (let j = 0; j < words.length; j += 1) {
      const word = words[j] as string
      const next = (counts.get(word) ?? 0) + 1
      counts.set(word, next)
      count += 1
      sum = (sum + next * word.length) | 0
    }
  }
  return { count, sum }
}

const calls = (lines: readonly string[], laps: Laps): Outcome => {
  const counts = new Map<string, number>()
  let count = 0
  let sum = 0
  while (laps.next()) {
    const pass = callsPass(lines, counts)
    count += pass.count
    sum = (sum + pass.sum) | 0
  }
  return { count, sum }
}

const callsPass = (lines: readonly string[], counts: Map<string, number>): Tally => {
  let count = 0
  let sum = 0
  for (let i = 0; i < lines.length; i += 1) {
    const words = splitWords(lines[i] as string)
    for (let j = 0; j < words.length; j += 1) {
      const word = words[j] as string
      const [state, update] = increment(counts.get(word) ?? null)
      counts.set(word, state)
      count += 1
      sum = (sum + update * word.length) | 0
    }
  }
  return { count, sum }
}

/** The counts lie in one Map: the quickest form, `groupBy` and `scan` cost several times as much. */
const rxjs = (lines: readonly string[], laps: Laps): Outcome => {
  const counts = new Map<string, number>()
  let count = 0
  let sum = 0
  new Observable<string>((subscriber) => {
    while (laps.next()) {
      for (let i = 0; i < lines.length; i += 1) subscriber.next(lines[i] as string)
    }
    subscriber.complete()
  })
    .pipe(
      mergeMap(splitWords),
      map((word): [string, number] => {
        const [state, update] = increment(counts.get(word) ?? null)
        counts.set(word, state)
        return [word, update]
      }),
    )
    .subscribe(([word, update]) => {
      count += 1
      sum = (sum + update * word.length) | 0
    })
  return { count, sum }
}

const addUpdates = (updates: readonly (readonly [string, number])[], before: number): number => {
  let sum = before
  for (let i = 0; i < updates.length; i += 1) {
    const update = updates[i] as readonly [string, number]
    sum = (sum + update[1] * update[0].length) | 0
  }
  return sum
}

const tidemark = async (lines: readonly string[], laps: Laps): Promise<Outcome> => {
  const { runFlow } = await import('../flow.ts')
  const { flatMap, keyOn, statefulMap } = await import('tidemark/operators')
  const batches = cut(lines, LINES_A_BATCH)
  return runFlow({
    nextPass: () => (laps.next() ? batches : null),
    steps: (stream) =>
      stream.pipe(
        flatMap('split', splitWords),
        keyOn('word', (word) => word),
        statefulMap('count', increment),
      ),
    add: addUpdates,
  })
}

export const workload: Workload = throughput({
  id: 'W2',
  title: 'word count, 1e5 lines of 10 words, an update per word',
  rows: [
    {
      label: 'W2 word count, an update per word',
      ours: 'tidemark',
      gates: [
        { against: 'hand', better: 'higher', floor: 0.5, aim: 0.8 },
        { against: 'rxjs', better: 'higher', floor: 1, aim: 1 },
      ],
    },
  ],
  size: 100_000,
  items: (size) => size * WORDS_A_LINE,
  input: makeLines,
  expected,
  variants: { hand, calls, rxjs, tidemark },
})
