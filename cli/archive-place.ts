import { BuildError } from '../lib/errors/errors.ts'
import type { ArchivePlace } from '../lib/recovery/archive.ts'
import { dirArchive } from '../lib/recovery/directory-archive.ts'
import { UsageError } from './usage-error.ts'

/**
 * The archive that `dir:<path>`, `nats:<bucket>` or `s3:<bucket/prefix>` names; its driver is loaded
 * when it is used.
 *
 * @throws UsageError for what names none
 */
export const archivePlace = async (
  text: string,
  from: {
    /** NATS servers, with commas between. */
    readonly servers: string | null
    readonly variables: Readonly<Record<string, string | undefined>>
  },
): Promise<ArchivePlace> => {
  const at = text.indexOf(':')
  const name = text.slice(at + 1)
  try {
    switch (text.slice(0, at)) {
      case 'dir':
        return dirArchive(name)
      case 's3':
        return await bucketOf(name, from.variables)
      case 'nats':
        return await storeOf(name, from)
      default:
        throw new UsageError(
          `--archive takes dir:<path>, nats:<bucket> or s3:<bucket/prefix>; got "${text}".`,
        )
    }
  } catch (cause) {
    if (cause instanceof BuildError) throw new UsageError(cause.message, { cause })
    throw cause
  }
}

const bucketOf = async (
  path: string,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<ArchivePlace> => {
  const { s3Archive } = await import('../connectors/s3/s3-archive.ts')
  const endpoint = variables['AWS_ENDPOINT_URL_S3'] || variables['AWS_ENDPOINT_URL'] || null
  return s3Archive(path, endpoint === null ? {} : { endpoint })
}

const storeOf = async (
  bucket: string,
  {
    servers,
    variables,
  }: {
    readonly servers: string | null
    readonly variables: Readonly<Record<string, string | undefined>>
  },
): Promise<ArchivePlace> => {
  if (servers === null) {
    throw new UsageError(
      '--archive nats:<bucket> needs the servers that keep the bucket: --nats nats://host:4222. A server that is started for -p keeps nothing.',
    )
  }
  const [{ natsArchive }, { natsOptions }] = await Promise.all([
    import('../cluster/nats-archive.ts'),
    import('./cluster-run.ts'),
  ])
  return natsArchive(bucket, natsOptions(servers, variables))
}
