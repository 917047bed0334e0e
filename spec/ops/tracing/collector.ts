import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span as it came in. */
export interface TakenSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  /** Nanoseconds. */
  readonly began: bigint
  readonly ended: bigint
  readonly attributes: Readonly<Record<string, string | number>>
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly failed: boolean
  readonly exceptions: readonly string[]
  readonly service: string
}

type Json = Record<string, unknown>

const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : [])

const attributesOf = (entries: unknown): Record<string, string | number> =>
  Object.fromEntries(
    list(entries).map(({ key, value }) => {
      const { stringValue, intValue, doubleValue } = value as Json
      const number = intValue ?? doubleValue
      return [String(key), number === undefined ? String(stringValue) : Number(number)]
    }),
  )

const spanOf = (span: Json, service: string): TakenSpan => ({
  traceId: String(span['traceId']),
  spanId: String(span['spanId']),
  parentSpanId: String(span['parentSpanId'] ?? ''),
  name: String(span['name']),
  began: BigInt(String(span['startTimeUnixNano'])),
  ended: BigInt(String(span['endTimeUnixNano'])),
  attributes: attributesOf(span['attributes']),
  links: list(span['links']).map(({ traceId, spanId }) => ({
    traceId: String(traceId),
    spanId: String(spanId),
  })),
  failed: (span['status'] as Json | undefined)?.['code'] === 2,
  exceptions: list(span['events']).map(({ attributes }) =>
    String(attributesOf(attributes)['exception.message']),
  ),
  service,
})

/** What takes OTLP over HTTP and keeps it. */
export class Collector {
  readonly spans: TakenSpan[] = []
  readonly headers: Record<string, string | string[] | undefined>[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(): Promise<Collector> {
    const server = createServer()
    const collector = new Collector(server)
    server.on('request', async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      if (request.url === '/v1/traces') collector.#take(Buffer.concat(chunks).toString())
      collector.headers.push(request.headers)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return collector
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`
  }

  named(name: string): readonly TakenSpan[] {
    return this.spans.filter((span) => span.name === name)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #take(text: string): void {
    const { resourceSpans } = JSON.parse(text) as Json
    for (const { resource, scopeSpans } of list(resourceSpans)) {
      const service = String(attributesOf((resource as Json)['attributes'])['service.name'])
      for (const { spans } of list(scopeSpans)) {
        for (const span of list(spans)) this.spans.push(spanOf(span, service))
      }
    }
  }
}
