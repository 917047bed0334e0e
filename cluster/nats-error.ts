import { ClusterError } from '../lib/errors/errors.ts'

/** Why no connection was made, and what can be done about it. */
export const connectError = (cause: unknown, servers: readonly string[]): ClusterError => {
  const places = servers.join(', ')
  const text = textOf(cause)
  const isOf = (names: RegExp): boolean => names.test(`${codeOf(cause)} ${text}`)
  if (isOf(/authorization|authentication|nkeys|expired/i)) {
    return new ClusterError(
      `The NATS server at ${places} lets nobody in with these credentials (${text}). Give NATS_USER and NATS_PASSWORD, NATS_TOKEN, NATS_CREDS or NATS_NKEY_SEED, or the fields of NatsOptions.`,
      { cause },
    )
  }
  if (isOf(/^timeout|connection_timeout/i)) {
    return new ClusterError(
      `What listens at ${places} has not answered as a NATS server within 5 s (${text}). Look whether it is one, and whether it is overloaded.`,
      { cause },
    )
  }
  return new ClusterError(
    `No NATS server can be used at ${places} (${text}). Start one with \`nats-server -js\`, or name another with --nats.`,
    { cause },
  )
}

/** Why a server gives no key-value bucket. */
export const registerError = (cause: unknown): ClusterError => {
  const text = textOf(cause)
  return codeOf(cause) === '503' || /jetstream/i.test(text)
    ? new ClusterError(
        'The NATS server runs without JetStream, which a cluster keeps its lease in. Start it with `nats-server -js`, or put `jetstream {}` into its configuration.',
        { cause },
      )
    : new ClusterError(
        `The NATS server gives no key-value bucket to the cluster (${text}). It must be version 2.9 or newer, and let this user make the bucket or find it made.`,
        { cause },
      )
}

const textOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : ''
