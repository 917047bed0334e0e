import type { S3Client } from '@aws-sdk/client-s3'
import { CorruptPartitionError, RecoveryError } from '../../lib/errors/errors.ts'
import { type Archive, checkObjectName } from '../../lib/recovery/archive.ts'

/** Where the objects lie; how to get in is found as every AWS tool finds it, by variables and files. */
export interface S3Place {
  readonly bucket: string
  /** Goes before every name; ends without a slash. */
  readonly prefix: string
  /** The URL of a store that is not Amazon's. */
  readonly endpoint: string | null
  readonly region: string | null
}

/** What the calls below say about a key that is there, is not, or was written at the same time. */
const PRECONDITION = 412
const CONFLICT = 409
const ABSENT = 404

/** Connects to a bucket; the client is loaded here and nowhere else. */
export const openBucket = async (place: S3Place): Promise<Archive> => {
  const driver = await loadDriver()
  const { endpoint, region } = place
  const client = new driver.S3Client({
    ...(region === null ? {} : { region }),
    // Buckets of other stores are mostly found by path, not by host name.
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
    ...(endpoint !== null && region === null ? { region: 'us-east-1' } : {}),
    maxAttempts: 3,
  })
  return new BucketArchive(driver, client, place)
}

type Driver = typeof import('@aws-sdk/client-s3')

class BucketArchive implements Archive {
  readonly #driver: Driver
  readonly #client: S3Client
  readonly #place: S3Place

  constructor(driver: Driver, client: S3Client, place: S3Place) {
    this.#driver = driver
    this.#client = client
    this.#place = place
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#client.send(
        new this.#driver.PutObjectCommand({ ...this.#key(name), Body: bytes, IfNoneMatch: '*' }),
      )
      return true
    } catch (cause) {
      const status = statusOf(cause)
      if (status === PRECONDITION || status === CONFLICT) return false
      throw cause
    }
  }

  async read(name: string, limit: number): Promise<Uint8Array | null> {
    try {
      const key = this.#key(name)
      const found = await this.#client.send(new this.#driver.GetObjectCommand(key))
      const length = found.ContentLength ?? Number.POSITIVE_INFINITY
      if (length > limit) {
        found.Body?.transformToWebStream()
          .cancel()
          .catch(() => undefined)
        throw new CorruptPartitionError(
          `The archived object ${key.Key} is damaged: it has ${length} bytes, and none has more than ${limit}.`,
        )
      }
      return (await found.Body?.transformToByteArray()) ?? new Uint8Array()
    } catch (cause) {
      if (statusOf(cause) === ABSENT) return null
      throw cause
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names: string[] = []
    const root = this.#root
    let after: string | undefined
    do {
      const page = await this.#client.send(
        new this.#driver.ListObjectsV2Command({
          Bucket: this.#place.bucket,
          Prefix: `${root}${prefix}`,
          ...(after === undefined ? {} : { ContinuationToken: after }),
        }),
      )
      for (const { Key } of page.Contents ?? []) {
        if (Key?.startsWith(root) === true) names.push(Key.slice(root.length))
      }
      after = page.IsTruncated === true ? page.NextContinuationToken : undefined
    } while (after !== undefined)
    return names.sort()
  }

  async remove(name: string): Promise<void> {
    await this.#client.send(new this.#driver.DeleteObjectCommand(this.#key(name)))
  }

  async close(): Promise<void> {
    this.#client.destroy()
  }

  get #root(): string {
    const { prefix } = this.#place
    return prefix === '' ? '' : `${prefix}/`
  }

  #key(name: string): { readonly Bucket: string; readonly Key: string } {
    checkObjectName(name)
    return { Bucket: this.#place.bucket, Key: `${this.#root}${name}` }
  }
}

const loadDriver = async (): Promise<Driver> => {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (cause) {
    throw new RecoveryError(
      'An archive in S3 needs the package "@aws-sdk/client-s3": npm install @aws-sdk/client-s3.',
      { cause },
    )
  }
}

const statusOf = (cause: unknown): number | null => {
  if (!(cause instanceof Error) || !('$metadata' in cause)) return null
  const { $metadata: metadata } = cause
  return typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
    ? Number(metadata.httpStatusCode)
    : null
}
