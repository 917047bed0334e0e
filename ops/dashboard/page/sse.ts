/** An event of a stream. */
export interface ServerEvent {
  readonly name: string
  readonly data: string
}

/** A stream may not make the page hold more than this before an event ends. */
const LONGEST = 16 * 1024 * 1024

/** Cuts the text of `text/event-stream` into events, however it is cut on its way. */
export class EventCutter {
  #rest = ''

  take(text: string): readonly ServerEvent[] {
    const parts = (this.#rest + text).split('\n\n')
    this.#rest = parts.pop() ?? ''
    if (this.#rest.length > LONGEST) throw new Error('An event is too long.')
    return parts.map(read).filter(({ data }) => data !== '')
  }
}

const read = (block: string): ServerEvent => {
  let name = 'message'
  const data: string[] = []
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice('event: '.length)
    if (line.startsWith('data: ')) data.push(line.slice('data: '.length))
  }
  return { name, data: data.join('\n') }
}
