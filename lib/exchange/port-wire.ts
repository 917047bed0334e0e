import type { MessagePort } from 'node:worker_threads'
import type { Wire } from './frame-network.ts'

/** A wire between two threads: frames are given away, not copied. */
export const portWire = (port: MessagePort): Wire => ({
  send: (frame) => port.postMessage(frame, [frame.buffer as ArrayBuffer]),
  onFrame: (take) => {
    port.on('message', take)
  },
})
