import { ConnectorError } from '../../lib/errors/errors.ts'
import type { JetStream, StreamFacts } from './jetstream-api.ts'
import type { JetStreamPosition } from './jetstream-partition.ts'
import type { JetStreamPlace } from './stream-reader.ts'

/**
 * Sees to it that a stream still is the one that was read.
 *
 * @throws ConnectorError when it was made anew, has lost what was read, or has dropped what was not
 */
export class StreamWatch {
  readonly #js: JetStream
  readonly #stream: string
  readonly #created: string
  /** Whether messages that were dropped unread are an error. */
  readonly #missing: boolean

  constructor(
    js: JetStream,
    stream: { readonly facts: StreamFacts; readonly missing: boolean },
    resume: JetStreamPosition | null,
  ) {
    this.#js = js
    this.#stream = stream.facts.name
    this.#created = resume?.created ?? stream.facts.created
    this.#missing =
      stream.missing && stream.facts.retention === 'limits' && stream.facts.perSubject <= 0
  }

  async inspect(place: JetStreamPlace): Promise<void> {
    const facts = await this.#js.stream(this.#stream)
    if (facts.created !== this.#created) {
      throw this.#alarm(`was made anew (${facts.created}) after it was read`)
    }
    if (place.sequence === 0) return
    if (facts.last < place.sequence) {
      throw this.#alarm(
        `went back to sequence ${facts.last}, though ${place.sequence} was read: it lost messages that it had acknowledged`,
      )
    }
    if (this.#missing && facts.first > place.sequence + 1) {
      throw this.#alarm(
        `dropped messages ${place.sequence + 1} to ${facts.first - 1} before they were read; \`missing: 'skip'\` goes on without them`,
      )
    }
    // Where nothing was read yet there is no message to know again.
    if (place.timestamp === 0) return
    const found = await this.#js.message(this.#stream, { seq: place.sequence })
    if (found === null || found.timestamp === place.timestamp) return
    throw this.#alarm(
      `holds another message at sequence ${place.sequence} than was read there: it lost messages that it had acknowledged`,
    )
  }

  #alarm(what: string): ConnectorError {
    return new ConnectorError(
      `The stream "${this.#stream}" ${what}. What the flow made of it stands on messages that are gone; restore the stream, or begin anew without this recovery store.`,
    )
  }
}
