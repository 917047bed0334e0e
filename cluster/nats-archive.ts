import { BuildError } from '../lib/errors/errors.ts'
import type { Archive, ArchivePlace } from '../lib/recovery/archive.ts'
import type { NatsOptions } from '../lib/run/nats-options.ts'
import { openObjectStore } from './nats.ts'

/**
 * An archive in a bucket of the JetStream object store, which is made where it is missing.
 *
 * @param bucket - of one flow alone; letters, digits, `-` and `_`
 * @param nats - the servers, with JetStream, and how to get in
 * @throws BuildError for a name that no bucket can have
 *
 * @example
 * ```ts
 * const archive = natsArchive('orders', { servers: 'nats://nats:4222' })
 * await run(flow, { recovery: { dir: './state', archive } })
 * ```
 */
export const natsArchive = (bucket: string, nats: NatsOptions): ArchivePlace => {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(bucket)) {
    throw new BuildError(
      `A bucket's name is of letters, digits, "-" and "_"; got ${JSON.stringify(bucket)}.`,
    )
  }
  return {
    name: `nats:${bucket}`,
    open: (): Promise<Archive> => openObjectStore(bucket, nats),
    remote: { module: import.meta.url, export: 'natsArchive', args: [bucket, nats] },
  }
}
