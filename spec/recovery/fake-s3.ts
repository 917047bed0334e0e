import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Keys on one page of a listing: few, so that there are several. */
const PAGE = 2

/** The part of S3 that an archive uses: put if absent, get, list by pages, delete; signed requests only. */
export class FakeS3 {
  readonly objects: Map<string, Buffer> = new Map()
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<FakeS3> {
    const s3 = new FakeS3()
    await new Promise<void>((resolve) => s3.#server.listen(0, '127.0.0.1', resolve))
    return s3
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url)
    const key = decodeURIComponent(pathname)
    if (!String(request.headers.authorization).startsWith('AWS4-HMAC-SHA256 Credential=key/')) {
      return reply(response, 403, errorOf('AccessDenied'))
    }
    const body = await bodyOf(request)
    if (request.method === 'PUT') return this.#put(request, response, { key, body })
    if (request.method === 'DELETE') {
      this.objects.delete(key)
      return reply(response, 204)
    }
    if (searchParams.has('list-type')) return reply(response, 200, this.#page(key, searchParams))
    const found = this.objects.get(key)
    if (found === undefined) return reply(response, 404, errorOf('NoSuchKey'))
    return reply(response, 200, found)
  }

  #put(
    request: IncomingMessage,
    response: ServerResponse,
    { key, body }: { readonly key: string; readonly body: Buffer },
  ): void {
    const conditional = request.headers['if-none-match'] === '*'
    if (conditional && this.objects.has(key)) {
      return reply(response, 412, errorOf('PreconditionFailed'))
    }
    this.objects.set(key, body)
    reply(response, 200)
  }

  #page(bucket: string, query: URLSearchParams): string {
    const root = `${bucket.replace(/\/$/, '')}/`
    const keys = [...this.objects.keys()]
      .map((key) => key.slice(root.length))
      .filter((key) => key.startsWith(query.get('prefix') ?? ''))
      .sort()
    const from = Number(query.get('continuation-token') ?? 0)
    const more = from + PAGE < keys.length
    return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${
      more ? `<NextContinuationToken>${from + PAGE}</NextContinuationToken>` : ''
    }${keys
      .slice(from, from + PAGE)
      .map((key) => `<Contents><Key>${key}</Key></Contents>`)
      .join('')}</ListBucketResult>`
  }
}

const reply = (response: ServerResponse, status: number, body: string | Buffer = ''): void => {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

const errorOf = (code: string): string => `<Error><Code>${code}</Code><Message>no</Message></Error>`

/** The body, out of the chunks that carry a checksum behind it. */
const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const sent = Buffer.concat(pieces)
  if (!String(request.headers['content-encoding']).includes('aws-chunked')) return sent
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const end = sent.indexOf('\r\n', at)
    const length = Number.parseInt(sent.toString('latin1', at, end), 16)
    if (!(length > 0)) return Buffer.concat(chunks)
    chunks.push(sent.subarray(end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
}
