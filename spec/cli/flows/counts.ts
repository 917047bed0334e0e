// A flow with two counting steps, one of which is renamed from release to release.
import { type Dataflow, dataflow } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { keyOn, mapValue, statefulMap } from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'

const { EOF } = TestingSource

/** Each run takes the next two letters, and prints letters with `kept renamed`. */
export const counts = (name: string, id = 'counts'): Dataflow => {
  const flow = dataflow(id)
  flow
    .input('letters', new TestingSource(['a', 'b', EOF, 'a', 'b', EOF, 'a', 'b', EOF, 'a', 'b']))
    .pipe(
      keyOn('letter', (letter) => letter),
      statefulMap('kept', (n: number | null) => [(n ?? 0) + 1, (n ?? 0) + 1]),
      statefulMap(name, (n: number | null, kept) => [(n ?? 0) + 1, [kept, (n ?? 0) + 1] as const]),
      mapValue('text', ([kept, renamed]) => `${kept} ${renamed}`),
    )
    .output('print', new StdOutSink())
  return flow
}
