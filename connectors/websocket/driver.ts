import { Buffer } from 'node:buffer'
import type { ClientOptions, RawData, WebSocket } from 'ws'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { shownUrl } from '../shown-url.ts'

/** What a connection that just broke is said to have closed with (RFC 6455, 7.1.5). */
const CLOSED_ABNORMALLY = 1006

export interface SocketCalls {
  readonly onMessage: (data: Buffer, isBinary: boolean) => void
  readonly onPong: () => void
  /** The connection is over; `failure` where it broke one of our limits. */
  readonly onClose: (code: number, reason: string, failure: ConnectorError | null) => void
}

export interface SocketOptions {
  readonly url: string
  readonly protocols: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  readonly maxPayload: number
  readonly timeout: number
}

/** An open connection. */
export interface Socket {
  send(data: string | Uint8Array): void
  ping(): void
  pause(): void
  resume(): void
  close(): void
  /** Ends it without a word. */
  terminate(): void
}

/**
 * Connects once.
 *
 * @throws ConnectorError, retryable unless the server refuses us for good
 */
export const openSocket = async (options: SocketOptions, calls: SocketCalls): Promise<Socket> => {
  const { WebSocket: Client } = await loadDriver()
  const { url, protocols, headers, maxPayload, timeout } = options
  const settings: ClientOptions = {
    headers: { ...headers },
    maxPayload,
    handshakeTimeout: timeout,
    // Small messages are not made smaller, and large ones could hide in small ones.
    perMessageDeflate: false,
  }
  const socket = new Client(url, [...protocols], settings)
  // The first messages may come with the answer itself.
  const followed = following(socket, options, calls)
  await opened(socket, url)
  return followed
}

const opened = (socket: WebSocket, url: string): Promise<void> =>
  new Promise((resolve, reject) => {
    let refusal: ConnectorError | null = null
    socket.once('open', () => {
      socket.off('error', failed)
      resolve()
    })
    const failed = (cause: Error): void =>
      reject(
        refusal ??
          new ConnectorError(`${shownUrl(url)} can't be reached: ${reasonOf(cause)}.`, {
            cause,
            retryable: true,
          }),
      )
    socket.on('error', failed)
    socket.once('unexpected-response', (request, response) => {
      const status = response.statusCode ?? 0
      const isPassing = status >= 500 || status === 408 || status === 429
      refusal = new ConnectorError(
        `${shownUrl(url)} answered ${status} instead of opening a WebSocket. ${isPassing ? 'Trying again may help.' : 'Look at `url`, `protocols` and `headers`.'}`,
        { retryable: isPassing },
      )
      request.destroy()
      reject(refusal)
    })
  })

const following = (
  socket: WebSocket,
  { url, maxPayload }: SocketOptions,
  calls: SocketCalls,
): Socket => {
  let failure: ConnectorError | null = null
  socket.on('error', (cause: Error & { readonly code?: string }) => {
    if (cause.code !== 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return
    failure = new ConnectorError(
      `${shownUrl(url)} sent a message of more than ${maxPayload} bytes. If messages may be that long, raise \`maxPayload\`.`,
      { cause },
    )
  })
  socket.on('message', (data: RawData, isBinary: boolean) => calls.onMessage(bytes(data), isBinary))
  socket.on('pong', calls.onPong)
  socket.on('close', (code = CLOSED_ABNORMALLY, reason) =>
    calls.onClose(code, reason.toString(), failure),
  )
  return {
    send: (data) => socket.send(data),
    ping: () => {
      if (socket.readyState === socket.OPEN) socket.ping()
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.close(1000),
    terminate: () => socket.terminate(),
  }
}

const bytes = (data: RawData): Buffer => {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}

const reasonOf = (cause: Error & { readonly code?: string }): string =>
  cause.message === '' ? (cause.code ?? 'no connection') : cause.message

const loadDriver = async () => {
  try {
    return await import('ws')
  } catch (cause) {
    throw new ConnectorError('The WebSocket connector needs the package "ws": npm install ws.', {
      cause,
    })
  }
}
