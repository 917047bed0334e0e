import { pathToFileURL } from 'node:url'
import { dirArchive } from 'tidemark'
import { connectCluster } from 'tidemark/cluster'

// One process of a cluster, for specs: what it is to be comes as JSON.
const {
  process: place,
  count,
  servers,
  nats,
  args,
  workers,
  dir,
  archive,
  takeOverAfter,
  epochInterval,
  flow,
} = JSON.parse(process.argv[2] ?? '{}')
const say = (level: string) => (_: object, message: string) =>
  process.stderr.write(`${level}: ${message}\n`)

const cluster = await connectCluster({
  process: place,
  count,
  nats: { ...nats, servers },
  ...(takeOverAfter === undefined ? {} : { takeOverAfter }),
})
const execution = await cluster.start(
  { module: pathToFileURL(flow.module).href, export: flow.export, args },
  {
    workers,
    epochInterval,
    ...(dir === undefined
      ? {}
      : {
          recovery: {
            dir,
            ...(archive === undefined
              ? {}
              : { archive: { ...dirArchive(archive), required: true } }),
          },
        }),
    logger: { info: say('info'), warn: say('warn'), error: say('error') },
  },
)
process.on('SIGTERM', () => void execution.stop().catch(() => {}))
try {
  const { reason, itemsIn } = await execution.done
  process.stdout.write(`${reason} ${itemsIn}\n`)
} catch (error) {
  process.stderr.write(`failed: ${error}\n`)
  process.exitCode = 1
}
await cluster.close()
