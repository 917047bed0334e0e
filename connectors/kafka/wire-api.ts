/**
 * The two requests that carry records, in versions that brokers from 2.4 on take: the client's own
 * make text of keys and values.
 */
import type { API } from 'kafka-ts'

type Encoder = Parameters<typeof API.FETCH.request>[0]
type Decoder = Parameters<typeof API.FETCH.response>[0]

/** A request and its answer, as the client sends them. */
export interface Api<Request, Response> {
  readonly apiKey: number
  readonly apiVersion: number
  readonly requestHeaderVersion: 1 | 2
  readonly responseHeaderVersion: 0 | 1
  readonly request: (encoder: Encoder, data: Request) => Encoder
  readonly response: (decoder: Decoder) => Response
}

export interface RawFetch {
  readonly maxWait: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly readUncommitted: boolean
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly offset: bigint
      readonly maxBytes: number
    }[]
  }[]
}

export interface RawFetched {
  readonly errorCode: number
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly RawFetchedPartition[]
  }[]
}

export interface RawFetchedPartition {
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: bigint
  readonly stable: bigint
  readonly start: bigint
  readonly aborted: readonly { readonly producerId: bigint; readonly first: bigint }[]
  readonly records: Buffer
}

/** https://kafka.apache.org/protocol#The_Messages_Fetch, version 11. */
export const FETCH: Api<RawFetch, RawFetched> = {
  apiKey: 1,
  apiVersion: 11,
  requestHeaderVersion: 1,
  responseHeaderVersion: 0,
  request: (encoder, data) =>
    encoder
      .writeInt32(-1)
      .writeInt32(data.maxWait)
      .writeInt32(data.minBytes)
      .writeInt32(data.maxBytes)
      .writeInt8(data.readUncommitted ? 0 : 1)
      .writeInt32(0)
      .writeInt32(-1)
      .writeArray([...data.topics], (each, { topic, partitions }) =>
        each
          .writeString(topic)
          .writeArray([...partitions], (of, wanted) =>
            of
              .writeInt32(wanted.partition)
              .writeInt32(-1)
              .writeInt64(wanted.offset)
              .writeInt64(-1n)
              .writeInt32(wanted.maxBytes),
          ),
      )
      .writeArray([], () => {})
      .writeString(''),
  response: (decoder) => {
    decoder.readInt32()
    const errorCode = decoder.readInt16()
    decoder.readInt32()
    return {
      errorCode,
      topics: decoder.readArray((each) => ({
        topic: each.readString() ?? '',
        partitions: each.readArray(fetchedPartition),
      })),
    }
  },
}

const NOTHING = Buffer.alloc(0)

const fetchedPartition = (decoder: Decoder): RawFetchedPartition => {
  const partition = decoder.readInt32()
  const errorCode = decoder.readInt16()
  const highWatermark = decoder.readInt64()
  const stable = decoder.readInt64()
  const start = decoder.readInt64()
  const aborted = decoder.readArray((each) => ({
    producerId: each.readInt64(),
    first: each.readInt64(),
  }))
  decoder.readInt32()
  const records = decoder.readBytes() ?? NOTHING
  return { partition, errorCode, highWatermark, stable, start, aborted, records }
}

export interface RawProduce {
  readonly transactionalId: string | null
  readonly timeout: number
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly { readonly partition: number; readonly batch: Buffer }[]
  }[]
}

export interface RawProduced {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly errorCode: number
      readonly message: string | null
    }[]
  }[]
}

const ALL_REPLICAS = -1

/** https://kafka.apache.org/protocol#The_Messages_Produce, version 8. */
export const PRODUCE: Api<RawProduce, RawProduced> = {
  apiKey: 0,
  apiVersion: 8,
  requestHeaderVersion: 1,
  responseHeaderVersion: 0,
  request: (encoder, data) =>
    encoder
      .writeString(data.transactionalId)
      .writeInt16(ALL_REPLICAS)
      .writeInt32(data.timeout)
      .writeArray([...data.topics], (each, { topic, partitions }) =>
        each
          .writeString(topic)
          .writeArray([...partitions], (of, { partition, batch }) =>
            of.writeInt32(partition).writeBytes(batch),
          ),
      ),
  response: (decoder) => {
    const topics = decoder.readArray((each) => ({
      topic: each.readString() ?? '',
      partitions: each.readArray(producedPartition),
    }))
    decoder.readInt32()
    return { topics }
  },
}

const producedPartition = (decoder: Decoder) => {
  const partition = decoder.readInt32()
  const errorCode = decoder.readInt16()
  decoder.readInt64()
  decoder.readInt64()
  decoder.readInt64()
  const records = decoder.readArray((each) => {
    each.readInt32()
    return each.readString()
  })
  const message = decoder.readString()
  return { partition, errorCode, message: message ?? records.find((each) => each) ?? null }
}
