import { workerData } from 'node:worker_threads'
import type { ThreadStart } from './thread-protocol.ts'
import { runThread } from './thread-worker.ts'

// The code of a thread whose other workers are all in this process.
runThread(workerData as ThreadStart, async () => new Map())
