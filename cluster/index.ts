export { Cluster, type ClusterOptions, connectCluster } from './connect.ts'
export type { NatsOptions, NatsTls } from './messaging.ts'
export { LocalNats, type LocalNatsOptions } from './nats-server.ts'
