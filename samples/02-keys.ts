// What it teaches: a key decides which worker sees an item; a keyed step has a state for each key.
// What to notice: the counts come out at the end of input, in the order of their keys.
// Run it: node --import tsx --conditions source samples/02-keys.ts
import { dataflow, fromIterable, run } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { countFinal, flatMap, keyOn, map, maxFinal } from 'tidemark/operators'

export const flow = dataflow('keys')

const orders = flow.input(
  'orders',
  fromIterable([
    { city: 'Oslo', items: ['tea', 'milk'] },
    { city: 'Rome', items: ['tea'] },
    { city: 'Oslo', items: ['tea', 'honey', 'bread'] },
  ]),
)

// One step that counts by key ...
orders
  .pipe(
    flatMap('items', (order) => order.items),
    countFinal('count', (item) => item),
    map('line', ([item, count]) => `${item}: ${count}`),
  )
  .output('print-items', new StdOutSink())

// ... and one behind a key of your own. A stream that is used twice is forked.
orders
  .pipe(
    keyOn('city', (order) => order.city),
    maxFinal('largest', (order) => order.items.length),
    map('line-2', ([city, order]) => `${city}'s largest order: ${order.items.join(', ')}`),
  )
  .output('print-cities', new StdOutSink())

await run(flow)

// => bread: 1
// => honey: 1
// => milk: 1
// => tea: 3
// => Oslo's largest order: tea, honey, bread
// => Rome's largest order: tea
