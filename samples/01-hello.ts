// What it teaches: a flow is a source, steps and a sink; building it runs nothing.
// What to notice: every step has an id, and the types follow from step to step.
// Run it: node --import tsx --conditions source samples/01-hello.ts
import { dataflow, fromIterable, run } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { filter, map } from 'tidemark/operators'

export const flow = dataflow('hello')

flow
  .input('names', fromIterable(['Ada', 'bob', 'Grace']))
  .pipe(
    filter('capitalized', (name) => /^[A-Z]/.test(name)),
    map('greet', (name) => `Hello, ${name}!`),
  )
  .output('print', new StdOutSink())

await run(flow)

// => Hello, Ada!
// => Hello, Grace!
