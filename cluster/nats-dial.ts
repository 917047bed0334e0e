import { createConnection, type Socket } from 'node:net'
import { NodeTransport } from 'nats/lib/src/node_transport.js'

/**
 * The driver's way to a server, so that nothing is left of a try that it has given up.
 *
 * By itself the driver only stops waiting: the socket goes on to connect in the background, does so
 * once the network is back, to no purpose, and then keeps the process from ending.
 */
export const dialCleanly = (): void => {
  const close = NodeTransport.prototype.close
  Object.assign(NodeTransport.prototype, {
    dial(this: NodeTransport, at: { readonly hostname: string; readonly port: number }) {
      this.socket = createConnection(at.port, at.hostname)
      this.socket.setNoDelay(true)
      return connected(this.socket)
    },
    async tlsFirst(this: NodeTransport, at: { readonly hostname: string; readonly port: number }) {
      this.socket = await this.dial(at)
      return this.startTLS()
    },
    close(this: NodeTransport, error?: Error) {
      if (!this.connected) this.socket?.destroy()
      return close.call(this, error)
    },
  })
}

const connected = (socket: Socket): Promise<Socket> =>
  new Promise((resolve, reject) => {
    let failure: Error | undefined
    socket.once('connect', () => {
      // From now on it is for the driver to listen.
      socket.removeAllListeners()
      resolve(socket)
    })
    socket.on('error', (error) => {
      failure = error
    })
    socket.once('close', () => reject(failure))
  })
