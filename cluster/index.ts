export type { NatsOptions, NatsTls } from '../lib/run/nats-options.ts'
export { Cluster, type ClusterOptions, connectCluster } from './connect.ts'
export { natsArchive } from './nats-archive.ts'
export { LocalNats, type LocalNatsOptions } from './nats-server.ts'
