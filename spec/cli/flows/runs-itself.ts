// A script that runs its flow itself at its end, as a README would show it.
import { type Dataflow, dataflow, fromIterable, run } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'

export const flow: Dataflow = dataflow('once')
flow.input('words', fromIterable(['once'])).output('print', new StdOutSink())

await run(flow)
process.stdout.write('afterwards\n')

export const late: Dataflow = dataflow('late')
