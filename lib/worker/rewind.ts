import { RecoveryError } from '../errors/errors.ts'
import type { Dataflow } from '../flow/dataflow.ts'
import { TransactionalSink, WriteAheadSink } from '../flow/sink.ts'

/**
 * A flow that told other systems what was committed can't quietly go back before that.
 *
 * @throws RecoveryError where a step has a transactional or write-ahead sink
 */
export const checkRewind = (flow: Dataflow, epoch: number): void => {
  for (const { id, spec } of flow.steps) {
    if (spec.kind !== 'sink') continue
    if (spec.sink instanceof TransactionalSink || spec.sink instanceof WriteAheadSink) {
      throw rewindError(`the sink of step "${flow.id}.${id}"`, epoch)
    }
  }
}

/** What refuses a source that was told of commits, once it is known to want that. */
export const rewindError = (who: string, epoch: number): RecoveryError =>
  new RecoveryError(
    `The state was restored from an archive, to resume at epoch ${epoch}, and more may have been committed ` +
      `than the archive has: ${who} has handed that on, and would do so again. Put the lost recovery ` +
      'directory back; or allow it with recovery: { allowRewind: true } or --allow-rewind. An archive ' +
      'that is `required` is never behind.',
  )
