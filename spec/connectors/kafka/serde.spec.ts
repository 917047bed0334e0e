import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { BuildError, dataflow, run } from 'tidemark'
import {
  avro,
  deserialize,
  json,
  type KafkaDeserializer,
  type KafkaMessage,
  type KafkaSerdeError,
  registryAvro,
  serialize,
} from 'tidemark/connectors/kafka'
import { TestingSink, TestingSource } from 'tidemark/testing'

const message = (value: Buffer | string | null, key: string | null = null): KafkaMessage => ({
  key: key === null ? null : Buffer.from(key),
  value: typeof value === 'string' ? Buffer.from(value) : value,
  topic: 't',
  partition: 0,
  offset: 1n,
  timestamp: 2,
  headers: {},
})

const POINT = {
  type: 'record',
  name: 'Point',
  fields: [
    { name: 'x', type: 'int' },
    { name: 'label', type: 'string', default: 'none' },
  ],
}

const failureOf = (doing: Promise<unknown>): Promise<unknown> =>
  doing.then(
    () => null,
    (error: unknown) => error,
  )

const parse = async <V>(
  messages: readonly KafkaMessage[],
  parts: { readonly key?: KafkaDeserializer<V>; readonly value?: KafkaDeserializer<V> },
) => {
  const oks = new TestingSink<KafkaMessage<unknown, unknown>>()
  const errs = new TestingSink<KafkaSerdeError<KafkaMessage>>()
  const flow = dataflow('parse')
  const out = flow.input('in', new TestingSource([...messages])).pipe(deserialize('parse', parts))
  out.oks.output('oks', oks)
  out.errs.output('errs', errs)
  await run(flow, { logger: { info: () => {}, warn: () => {}, error: () => {} } })
  return { oks: oks.items, errs: errs.items }
}

describe('deserialize', () => {
  it('makes values of bytes, leaves null and the rest as they are, and puts the others aside', async () => {
    const broken = [Buffer.from('{"a":'), Buffer.from([0xff, 0xfe]), Buffer.alloc(0)]
    const messages = [
      message('{"a":1}', 'k'),
      message(null),
      ...broken.map((each) => message(each)),
    ]
    const { oks, errs } = await parse(messages, { value: json() })
    expect(oks).to.deep.equal([
      { ...message('', 'k'), value: { a: 1 } },
      { ...message(null), value: null },
    ])
    expect(errs.map((each) => each.message)).to.deep.equal(broken.map((each) => message(each)))
    expect(errs.map(({ part }) => part)).to.deep.equal(['value', 'value', 'value'])
    expect(errs.every(({ error }) => error.length > 0)).to.equal(true)
  })

  it('says whether it was the key', async () => {
    const { errs } = await parse([message('1', 'x')], { key: json(), value: json() })
    expect(errs).to.have.lengthOf(1)
    expect(errs[0]?.part).to.equal('key')
  })

  it('lets no __proto__ in, however it is written', async () => {
    const texts = ['{"__proto__":{"a":1},"b":2}', '{"\\u005f_proto__":{"a":1},"b":2}']
    const { oks } = await parse(
      texts.map((text) => message(text)),
      { value: json() },
    )
    for (const { value } of oks) expect(Object.keys(Object(value))).to.deep.equal(['b'])
  })
})

describe('avro', () => {
  it('brings values through plain bytes, and puts aside what is no such value', async () => {
    const serde = avro(POINT)
    const bytes = (await serde.serialize(
      { x: 7, label: 'a' },
      { part: 'value', topic: 't' },
    )) as Buffer
    const { oks, errs } = await parse([message(bytes), message(bytes.subarray(0, 1))], {
      value: serde,
    })
    expect({ ...Object(oks[0]?.value) }).to.deep.equal({ x: 7, label: 'a' })
    expect(errs.map((each) => each.message.value)).to.deep.equal([bytes.subarray(0, 1)])
  })

  it('refers to schemas by name, and refuses what is none', async () => {
    const line = { type: 'array', items: 'Point' }
    const serde = avro<{ x: number; label: string }[]>(line, { named: [POINT] })
    const context = { part: 'value', topic: 't' } as const
    const bytes = await serde.serialize([{ x: 1, label: 'b' }], context)
    expect(await serde.deserialize(bytes, context)).to.have.lengthOf(1)
    expect(() => avro({ type: 'nothing' })).to.throw(BuildError, 'schema')
  })
})

/** What a schema registry answers, from memory; it counts how often it was asked. */
class Registry {
  readonly server: Server
  asked = 0
  /** Answers that are errors, before it works. */
  failing = 0
  readonly schemas: string[] = []

  constructor() {
    this.server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += String(chunk)
      })
      request.on('end', () => {
        this.asked += 1
        const [status, answer] = this.#answer(request.url ?? '', body)
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(answer))
      })
    })
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  #answer(path: string, body: string): [number, object] {
    if (this.failing > 0) {
      this.failing -= 1
      return [503, { message: 'away' }]
    }
    if (path.startsWith('/subjects/')) {
      const { schema } = JSON.parse(body)
      if (!this.schemas.includes(schema)) this.schemas.push(schema)
      return [200, { id: this.schemas.indexOf(schema) + 1 }]
    }
    const schema = this.schemas[Number(path.split('/').at(-1)) - 1]
    return schema === undefined ? [404, { error_code: 40403 }] : [200, { schema }]
  }
}

describe('registryAvro', () => {
  let registry: Registry
  let url = ''

  beforeEach(async () => {
    registry = new Registry()
    url = await registry.open()
  })

  afterEach(() => registry.close())

  const written = async (values: readonly { x: number; label: string }[]): Promise<Buffer[]> => {
    const out = new TestingSink<{ readonly value: Buffer | string | null }>()
    const flow = dataflow('write')
    flow
      .input('in', new TestingSource(values.map((value) => ({ topic: 't', value }))))
      .pipe(
        serialize('bytes', {
          value: registryAvro<{ x: number; label: string }>({ url, schema: POINT }),
        }),
      )
      .oks.output('out', out)
    await run(flow)
    return out.items.map(({ value }) => value as Buffer)
  }

  it('frames values with the id of their schema, and asks once for each', async () => {
    const bytes = await written([
      { x: 1, label: 'a' },
      { x: 2, label: 'b' },
    ])
    expect(bytes.map((each) => each.subarray(0, 5).toString('hex'))).to.deep.equal([
      '0000000001',
      '0000000001',
    ])
    expect(registry.asked).to.equal(1)
    const { oks } = await parse(
      bytes.map((each) => message(each)),
      { value: registryAvro({ url }) },
    )
    expect(oks.map(({ value }) => Object(value).x)).to.deep.equal([1, 2])
    expect(registry.asked).to.equal(2)
  })

  it('puts aside what is not framed, and what has an unknown schema', async () => {
    const hostile = [Buffer.alloc(0), Buffer.from('plain'), Buffer.from([0, 0, 0, 0, 99, 1])]
    const [good = Buffer.alloc(0)] = await written([{ x: 1, label: 'a' }])
    const messages = [...hostile, good.subarray(0, 6), good].map((each) => message(each))
    const { oks, errs } = await parse(messages, { value: registryAvro({ url }) })
    expect(oks).to.have.lengthOf(1)
    const bytes = errs.map((each) => each.message.value)
    expect(bytes).to.deep.equal([...hostile, good.subarray(0, 6)])
    expect(errs[2]?.error).to.include('404')
  })

  it('asks a registry again that is away for a moment; one that stays away fails the run', async () => {
    const [bytes = Buffer.alloc(0)] = await written([{ x: 1, label: 'a' }])
    registry.failing = 2
    const { oks } = await parse([message(bytes)], { value: registryAvro({ url }) })
    expect(oks).to.have.lengthOf(1)
    registry.failing = 100
    const failure = await failureOf(
      parse([message(bytes)], { value: registryAvro({ url, patience: 1 }) }),
    )
    expect(String(failure)).to.include('answers 503')
  })

  it('brings what an older schema wrote into its own form', async () => {
    const old = { ...POINT, fields: [POINT.fields[0]] }
    const value = registryAvro<{ x: number }>({ url, schema: old })
    const bytes = await value.serialize({ x: 5 }, { part: 'value', topic: 't' })
    const { oks } = await parse([message(bytes)], { value: registryAvro({ url, schema: POINT }) })
    expect({ ...Object(oks[0]?.value) }).to.deep.equal({ x: 5, label: 'none' })
  })
})
