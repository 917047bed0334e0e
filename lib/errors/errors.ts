/**
 * The register of errors: every failure a user can meet has a class, a code that never changes its
 * meaning, its facts as fields, and a message that says what happened, where, and what to do.
 * `docs/errors.md` has a section for each code.
 */

/** The root of all errors that Tidemark raises on purpose. */
export class TidemarkError extends Error {
  readonly code: string = 'TIDEMARK'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The flow is wrong: found while it is built or before it starts, never while it runs. */
export class BuildError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_BUILD'
}

/** A system outside failed, or was asked for something it cannot give. */
export class ConnectorError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_CONNECTOR'
  /** Whether trying again later may help. */
  readonly retryable: boolean

  constructor(message: string, options: ErrorOptions & { readonly retryable?: boolean } = {}) {
    super(message, options)
    this.retryable = options.retryable ?? false
  }
}

/** Workers cannot form, keep or leave a cluster. */
export class ClusterError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_CLUSTER'
}

/** A source asks for the run to end as a crash would; for tests. */
export class AbortExecution extends TidemarkError {
  override readonly code: string = 'TIDEMARK_ABORT'

  constructor(
    message = 'The execution was aborted, as a crash would end it.',
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** Snapshots cannot be written, or cannot be resumed from. */
export class RecoveryError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_RECOVERY'
}

/** There is no recovery partition where one was to be opened. */
export class NoPartitionsError extends RecoveryError {
  override readonly code: string = 'TIDEMARK_RECOVERY_NO_PARTITIONS'
}

/** Some of a store's recovery partitions are not there. */
export class MissingPartitionsError extends RecoveryError {
  override readonly code: string = 'TIDEMARK_RECOVERY_MISSING_PARTITIONS'
}

/** The recovery partitions do not belong to one another, or are of different ages. */
export class InconsistentPartitionsError extends RecoveryError {
  override readonly code: string = 'TIDEMARK_RECOVERY_INCONSISTENT_PARTITIONS'
}

/** A recovery partition is damaged; nothing is guessed from it. */
export class CorruptPartitionError extends RecoveryError {
  override readonly code: string = 'TIDEMARK_RECOVERY_CORRUPT_PARTITION'
}

/** Another execution of the flow writes to its archive: this one is over. */
export class FencedError extends RecoveryError {
  override readonly code: string = 'TIDEMARK_RECOVERY_FENCED'
}

/** A recovery partition is in use by another process. */
export class LockedPartitionError extends RecoveryError {
  override readonly code: string = 'TIDEMARK_RECOVERY_LOCKED_PARTITION'
}
