import { TidemarkError } from '../lib/errors/errors.ts'

/** The command was asked for something that it cannot do: exit code 2. */
export class UsageError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_USAGE'
}
