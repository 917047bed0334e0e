import { dataflow, run } from 'tidemark'
import { FileSource } from 'tidemark/connectors/files'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { countFinal, flatMap } from 'tidemark/operators'

export const flow = dataflow('wordcount')

flow
  .input('lines', new FileSource('moby-dick.txt'))
  .pipe(
    flatMap('words', (line) => line.toLowerCase().match(/[\p{L}']+/gu) ?? []),
    countFinal('count', (word) => word),
  )
  .output('print', new StdOutSink())

await run(flow)
