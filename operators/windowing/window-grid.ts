/**
 * Windows of one length that start every `offset` milliseconds: window `i` holds
 * [alignTo + i * offset, alignTo + i * offset + length), for every integer `i`.
 */
export class WindowGrid {
  readonly length: number
  readonly offset: number
  readonly alignTo: number

  constructor(length: number, offset: number, alignTo: number) {
    this.length = length
    this.offset = offset
    this.alignTo = alignTo
  }

  firstId(time: number): number {
    return Math.floor((time - this.alignTo - this.length) / this.offset) + 1
  }

  lastId(time: number): number {
    return Math.floor((time - this.alignTo) / this.offset)
  }

  openOf(id: number): number {
    return this.alignTo + id * this.offset
  }

  closeOf(id: number): number {
    return this.alignTo + id * this.offset + this.length
  }

  /** All windows that hold `time`, ascending. */
  idsAt(time: number): number[] {
    const ids: number[] = []
    const last = this.lastId(time)
    for (let id = this.firstId(time); id <= last; id++) ids.push(id)
    return ids
  }
}
