import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** What came in, with its whole body. */
export interface Heard {
  readonly headers: IncomingMessage['headers']
  readonly method: string
  readonly body: string
}

type Answer = (request: Heard, response: ServerResponse) => void

/** An HTTP server on loopback that answers as it is told, and keeps what it heard. */
export class HttpPeer {
  readonly heard: Heard[] = []
  readonly #server: Server
  #answer: Answer

  private constructor(server: Server, answer: Answer) {
    this.#server = server
    this.#answer = answer
    server.on('request', (request: IncomingMessage, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk) => chunks.push(chunk))
      request.on('end', () => {
        const { headers, method = '' } = request
        const heard = { headers, method, body: Buffer.concat(chunks).toString() }
        this.heard.push(heard)
        this.#answer(heard, response)
      })
    })
  }

  static async make(answer: Answer): Promise<HttpPeer> {
    const peer = new HttpPeer(createServer(), answer)
    await new Promise<void>((resolve) => peer.#server.listen(0, '127.0.0.1', resolve))
    return peer
  }

  get url(): string {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('it does not listen')
    return `http://127.0.0.1:${address.port}/`
  }

  answer(answer: Answer): void {
    this.#answer = answer
  }

  cut(): void {
    this.#server.closeAllConnections()
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }
}
