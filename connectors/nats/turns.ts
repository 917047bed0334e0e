/** Lets one at a time do something: those who write one stream would only stand in each other's way. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  run<R>(body: () => Promise<R>): Promise<R> {
    const turn = this.#last.then(body, body)
    this.#last = turn.catch(() => {})
    return turn
  }
}
