/** What a process of a flow needs to be allowed in NATS. */
interface NatsPermissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** Under which a flow's processes get their replies, so that no other user reads them. */
export const inboxPrefixOf = (flowId: string): string => `_INBOX_${flowId}`

/**
 * The least a process of a flow needs: the flow's own subjects, its own inbox, its two buckets, and
 * that of its archive; buckets are made where they are missing.
 */
const natsPermissions = (flowId: string, archive: string | null): NatsPermissions => {
  const own = [`tidemark.${flowId}.>`, `${inboxPrefixOf(flowId)}.>`]
  const buckets = [`tm_${flowId}`, `tm_${flowId}_ended`]
  return {
    publish: [
      ...own,
      '$JS.API.INFO',
      ...buckets.flatMap(bucketSubjects),
      ...(archive === null ? [] : archiveSubjects(archive)),
    ],
    subscribe: own,
  }
}

/** A bucket is a stream named `KV_` and it. */
const bucketSubjects = (bucket: string): readonly string[] => [
  `$KV.${bucket}.>`,
  ...streamSubjects(`KV_${bucket}`),
]

/** An object store is one named `OBJ_` and it, that is read by a consumer. */
const archiveSubjects = (bucket: string): readonly string[] => {
  const stream = `OBJ_${bucket}`
  return [
    `$O.${bucket}.>`,
    ...streamSubjects(stream),
    // The driver asks which stream has the subjects that it is to read.
    '$JS.API.STREAM.NAMES',
    `$JS.API.CONSUMER.INFO.${stream}.>`,
    `$JS.API.STREAM.PURGE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ]
}

const streamSubjects = (stream: string): readonly string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.CREATE.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}.>`,
]

/**
 * The permissions as a user's entry in the configuration of a NATS server.
 *
 * @param archive - the bucket of the object store that the flow archives into; `null` for none
 */
export const natsAcl = (flowId: string, archive: string | null = null): string => {
  const { publish, subscribe } = natsPermissions(flowId, archive)
  const list = (subjects: readonly string[]): string =>
    subjects.map((subject) => `        "${subject}"`).join('\n')
  return [
    `# What a process of the flow "${flowId}" may do. Its inbox prefix is ${inboxPrefixOf(flowId)}:`,
    `# NATS_INBOX_PREFIX=${inboxPrefixOf(flowId)}`,
    '{',
    `  user: "${flowId}"`,
    '  password: $TIDEMARK_PASSWORD',
    '  permissions: {',
    '    publish: {',
    '      allow: [',
    list(publish),
    '      ]',
    '    }',
    '    subscribe: {',
    '      allow: [',
    list(subscribe),
    '      ]',
    '    }',
    '  }',
    '}',
  ].join('\n')
}
