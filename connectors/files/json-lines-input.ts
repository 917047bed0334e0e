import type { Dataflow } from '../../lib/flow/dataflow.ts'
import type { Stream } from '../../lib/flow/stream.ts'
import { branch } from '../../operators/branch.ts'
import { flatMap } from '../../operators/flat-map.ts'
import { map } from '../../operators/map.ts'
import { JsonFile, type JsonLinesSourceOptions } from './json-lines-source.ts'
import type { JsonLine, MalformedLine } from './json-partition.ts'

/** The values of a file's lines, and the lines that have none. */
export interface JsonLinesOut<T> {
  readonly oks: Stream<T>
  readonly errs: Stream<MalformedLine>
}

/**
 * Reads a file of JSON lines, and gives lines that are no JSON as a second stream, their bytes intact,
 * instead of failing.
 *
 * Takes its place in the flow as the step `id` (a source), `id.errors` and two more behind it; position and
 * delivery are those of {@link JsonLinesSource}.
 *
 * @param id - the step's id
 * @param flow - the flow
 * @param options - the file, and the options of {@link JsonLinesSource}
 *
 * @example
 * ```ts
 * const { oks, errs } = jsonLinesInput<Order>('orders', flow, { path: 'orders.jsonl' })
 * ```
 */
export const jsonLinesInput = <T = unknown>(
  id: string,
  flow: Dataflow,
  { path, ...options }: JsonLinesSourceOptions & { readonly path: string },
): JsonLinesOut<T> => {
  const lines = flow.input(id, new AllLines(path, options))
  return flow.inside(id, () => {
    const { trues, falses } = lines.pipe(branch('errors', isMalformed))
    return {
      oks: falses.pipe(flatMap('value', ({ value }) => [value as T])),
      errs: trues.pipe(map('line', ({ malformed }) => malformed)),
    }
  })
}

class AllLines extends JsonFile<JsonLine<unknown>> {
  protected override make(line: JsonLine<unknown>): JsonLine<unknown> {
    return line
  }
}

const isMalformed = (line: JsonLine<unknown>): line is { readonly malformed: MalformedLine } =>
  'malformed' in line
