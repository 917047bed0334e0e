import { type Dataflow, dataflow, type Stream, scoped } from 'tidemark'
import { branch, filter, keyOn, map, merge, statefulMap } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'

const numbers = (flow: Dataflow, id: string): Stream<number> =>
  flow.input(id, new TestingSource([1, 2, 3]))

export const linear = (): Dataflow => {
  const flow = dataflow('linear')
  numbers(flow, 'nums')
    .pipe(map('add_one', (n) => n + 1))
    .output('out', new TestingSink<number>())
  return flow
}

export const fanned = (): Dataflow => {
  const flow = dataflow('fanned')
  const nums = numbers(flow, 'nums')
  nums.pipe(map('add_one', (n) => n + 1)).output('out_one', new TestingSink<number>())
  nums.pipe(map('add_two', (n) => n + 2)).output('out_two', new TestingSink<number>())
  return flow
}

export const merged = (): Dataflow => {
  const flow = dataflow('merged')
  numbers(flow, 'ones')
    .pipe(merge('all', numbers(flow, 'twos')))
    .output('out', new TestingSink<number>())
  return flow
}

/** A composite in a composite, whose insides other steps read by two ways. */
export const nested = (): Dataflow => {
  const flow = dataflow('nested')
  const inner = scoped('inner', (up: Stream<number>) => up.pipe(map('half', (n) => n / 2)))
  const { trues, falses } = numbers(flow, 'nums').pipe(
    scoped('outer', (up: Stream<number>) =>
      inner(up.pipe(filter('even', (n) => n % 2 === 0))).pipe(branch('big', (n) => n > 9)),
    ),
  )
  trues
    .pipe(
      keyOn('key', String),
      statefulMap('sum', (sum: number | null, n) => [(sum ?? 0) + n, n] as const),
    )
    .output('sums', new TestingSink())
  falses.output('small', new TestingSink<number>())
  return flow
}

/** Ids that a drawing's language would take for something of its own. */
export const hostile = (): Dataflow => {
  const flow = dataflow('hostile')
  numbers(flow, 'end')
    .pipe(
      map('"]; click x "javascript:alert(1)"', (n) => n),
      map('<script>alert(1)</script>\n@enduml\u0000\ud800', (n) => n),
    )
    .output('--> {a}', new TestingSink<number>())
  return flow
}
