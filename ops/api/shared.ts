/** What many ask for at once is made once for all of them, and for a while not again. */
export class Shared<T> {
  readonly #make: () => Promise<T>
  readonly #lasts: number
  readonly #now: () => number
  #made: Promise<T> | null = null
  /** By the clock; nothing goes stale while it is being made. */
  #staleAt = Number.POSITIVE_INFINITY

  /**
   * @param make - what it costs; where it fails, who asks next lets it try again
   * @param lasts - how long it is as good as new: milliseconds
   */
  constructor(
    make: () => Promise<T>,
    {
      lasts,
      now = () => performance.now(),
    }: { readonly lasts: number; readonly now?: () => number },
  ) {
    this.#make = make
    this.#lasts = lasts
    this.#now = now
  }

  get(): Promise<T> {
    if (this.#made === null || this.#now() >= this.#staleAt) this.#made = this.#begin()
    return this.#made
  }

  #begin(): Promise<T> {
    this.#staleAt = Number.POSITIVE_INFINITY
    const made = this.#make()
    made.then(
      () => {
        this.#staleAt = this.#now() + this.#lasts
      },
      () => {
        this.#staleAt = Number.NEGATIVE_INFINITY
      },
    )
    return made
  }
}
