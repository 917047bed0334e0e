import { dataflow, withPolicy } from 'tidemark'
import { FileDeadLetter, FileSink, FileSource } from 'tidemark/connectors/files'
import { keyOn, map, mapValue, statefulMap } from 'tidemark/operators'

// The folder comes from the spec; the code is mended by a variable, as by a new release.
const folder = process.env['ORDERS'] ?? '.'
const mended = process.env['MENDED'] ?? ''

const parse = (line: string): { readonly who: string; readonly sum: number } => {
  if (line === 'hopeless') throw new SyntaxError('never heard of it')
  if (line.includes(';') && !mended.includes('semicolons')) throw new SyntaxError(`odd: ${line}`)
  const [who = '', sum = ''] = line.split(/[,;]/)
  return { who, sum: Number(sum) }
}

export const flow = dataflow('orders')

flow
  .input('lines', new FileSource(`${folder}/orders.csv`))
  .pipe(
    withPolicy({ deadLetter: new FileDeadLetter(`${folder}/failed.jsonl`) }, map('parse', parse)),
    keyOn('who', ({ who }) => who),
    statefulMap('total', (total: number | null, { sum }) => {
      const next = (total ?? 0) + sum
      return [next, next]
    }),
    mapValue('text', String),
  )
  .output('out', new FileSink(`${folder}/totals.txt`))
