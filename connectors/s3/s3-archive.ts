import { BuildError } from '../../lib/errors/errors.ts'
import type { ArchivePlace } from '../../lib/recovery/archive.ts'
import { openBucket } from './driver.ts'

export interface S3ArchiveOptions {
  /** The URL of a store that speaks S3 and is not Amazon's: `http://127.0.0.1:9000`. */
  readonly endpoint?: string
  /** As AWS_REGION says unless given. */
  readonly region?: string
}

/**
 * An archive in a bucket of S3, or of a store that speaks S3 and knows conditional writes.
 *
 * Needs the package `@aws-sdk/client-s3`; credentials are found as every AWS tool finds them.
 *
 * @param path - the bucket, and what goes before all names in it: `bucket/flows/orders`; of one flow
 * alone
 * @throws BuildError for a path that names no bucket
 *
 * @example
 * ```ts
 * await run(flow, { recovery: { dir: './state', archive: s3Archive('backups/orders') } })
 * ```
 */
export const s3Archive = (path: string, options: S3ArchiveOptions = {}): ArchivePlace => {
  const [bucket = '', ...parts] = path.split('/').filter((part) => part !== '')
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new BuildError(
      `An archive in S3 is named by its bucket and what goes before all names in it, as backups/orders; got "${path}".`,
    )
  }
  const { endpoint = null, region = null } = options
  return {
    name: `s3:${[bucket, ...parts].join('/')}`,
    open: () => openBucket({ bucket, prefix: parts.join('/'), endpoint, region }),
    remote: { module: import.meta.url, export: 's3Archive', args: [path, options] },
  }
}
