import { crc32 } from 'node:zlib'
import { Link, type LinkOptions } from '../../cluster/link.ts'
import type { LinkIdentity } from '../../cluster/link-frame.ts'
import type { Transport } from '../../cluster/transport.ts'
import type { ClusterError } from '../../lib/errors/errors.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'

export const TOKEN: Uint8Array = Uint8Array.from({ length: 16 }, (_, at) => at)

/** One end of a link between 0 and 1, and what came out of it. */
export interface LinkEnd {
  readonly link: Link
  readonly received: Uint8Array[]
  readonly lost: ClusterError[]
}

export const linkEnd = (
  transport: Transport,
  runtime: Runtime,
  options: {
    readonly from: number
    readonly subjects?: string
    readonly identity?: Partial<LinkIdentity>
  } & Partial<Pick<LinkOptions, 'window' | 'silence'>>,
): LinkEnd => {
  const { from, subjects = 'link', identity, window, silence = Number.POSITIVE_INFINITY } = options
  const to = 1 - from
  const received: Uint8Array[] = []
  const lost: ClusterError[] = []
  const link = new Link({
    transport,
    runtime,
    identity: { execution: 7, token: TOKEN, from, to, ...identity },
    subjects: { out: `${subjects}.${from}.${to}`, in: `${subjects}.${to}.${from}` },
    silence,
    lost: (error) => lost.push(error),
    ...(window === undefined ? {} : { window }),
  })
  link.onFrame((frame) => received.push(frame))
  return { link, received, lost }
}

/** A message of a length whose bytes tell it from others. */
export const message = (number: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = number * 31 + at
  return bytes
}

/** What tells messages apart, short enough to be compared by the thousand. */
export const marks = (messages: readonly Uint8Array[]): readonly string[] =>
  messages.map((bytes) => `${bytes.length} bytes, ${crc32(bytes)}`)
