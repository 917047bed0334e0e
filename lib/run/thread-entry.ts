import { workerData } from 'node:worker_threads'
import type { ThreadBoot } from './thread-protocol.ts'
import { NO_WIRES, runThread } from './thread-worker.ts'

// The code of a thread whose workers are all in this process.
runThread((workerData as ThreadBoot).module, async () => NO_WIRES)
