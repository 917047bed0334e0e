/** What a process of a flow needs to be allowed in NATS. */
interface NatsPermissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** Under which a flow's processes get their replies, so that no other user reads them. */
export const inboxPrefixOf = (flowId: string): string => `_INBOX_${flowId}`

/**
 * The least a process of a flow needs: the flow's own subjects, its own inbox, and its two buckets,
 * which it makes where they are missing.
 */
const natsPermissions = (flowId: string): NatsPermissions => {
  const own = [`tidemark.${flowId}.>`, `${inboxPrefixOf(flowId)}.>`]
  const buckets = [`tm_${flowId}`, `tm_${flowId}_ended`]
  return {
    publish: [...own, '$JS.API.INFO', ...buckets.flatMap(bucketSubjects)],
    subscribe: own,
  }
}

/** A bucket is a stream named `KV_` and it. */
const bucketSubjects = (bucket: string): readonly string[] => [
  `$KV.${bucket}.>`,
  `$JS.API.STREAM.INFO.KV_${bucket}`,
  `$JS.API.STREAM.CREATE.KV_${bucket}`,
  `$JS.API.STREAM.MSG.GET.KV_${bucket}`,
  `$JS.API.DIRECT.GET.KV_${bucket}.>`,
]

/** The permissions as a user's entry in the configuration of a NATS server. */
export const natsAcl = (flowId: string): string => {
  const { publish, subscribe } = natsPermissions(flowId)
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
