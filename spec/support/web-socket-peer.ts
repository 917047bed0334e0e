import { type WebSocket, WebSocketServer } from 'ws'

/** A WebSocket server on loopback that does as it is told with each connection. */
export class WebSocketPeer {
  /** What clients said. */
  readonly heard: string[] = []
  readonly #server: WebSocketServer
  connections = 0

  private constructor(server: WebSocketServer, greet: (socket: WebSocket, nth: number) => void) {
    this.#server = server
    server.on('connection', (socket) => {
      this.connections += 1
      socket.on('message', (data) => this.heard.push(String(data)))
      socket.on('error', () => {})
      greet(socket, this.connections)
    })
  }

  static async make(
    greet: (socket: WebSocket, nth: number) => void,
    { autoPong = true, port = 0 }: { readonly autoPong?: boolean; readonly port?: number } = {},
  ): Promise<WebSocketPeer> {
    const server = new WebSocketServer({ host: '127.0.0.1', port, autoPong })
    await new Promise((resolve) => server.once('listening', resolve))
    return new WebSocketPeer(server, greet)
  }

  get port(): number {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('it does not listen')
    return address.port
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/feed`
  }

  close(): Promise<void> {
    for (const client of this.#server.clients) client.terminate()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}
